#pragma once

// Text forms of the scalar values used in flags and YAML.

#include <cstdint>
#include <string>
#include <string_view>
#include <utility>

#include "base/clock.h"
#include "base/status.h"

namespace thanos::config {

// Go's syntax plus days and weeks: "1h30m", "1.5h", "-2m", "1d", "2w", "300ms", "0".
base::StatusOr<base::Duration> ParseExtDuration(std::string_view text);
// Prometheus' syntax: "1h30m", "1d", "0"; integers, units descending (y w d h m s ms), no fraction, no sign.
base::StatusOr<base::Duration> ParsePromDuration(std::string_view text);
// "1h30m0s", "300ms", "0s": as Go prints durations.
std::string FormatExtDuration(base::Duration duration);
// "1h30m", "1d", "300ms", "0s": as Prometheus prints durations.
std::string FormatPromDuration(base::Duration duration);

// A number (fractions allowed) with an optional unit B, KB, MB, GB, TB, PB, EB or KiB .. EiB; always base 2.
// Not negative.
base::StatusOr<int64_t> ParseByteSize(std::string_view text);
// "250MiB", "1KiB512B", "0B".
std::string FormatByteSize(int64_t bytes);

// RFC 3339 with optional fraction, to milliseconds since the Unix epoch; years 0000 to 9999.
base::StatusOr<int64_t> ParseRfc3339Ms(std::string_view text);

// `name="value"` with Go's escapes inside the quotes, as label flags are written.
base::StatusOr<std::pair<std::string, std::string>> ParseLabelFlag(std::string_view text);

}  // namespace thanos::config
