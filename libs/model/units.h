#pragma once

// Text forms of durations and sizes.

#include <cstdint>
#include <string>
#include <string_view>

#include "base/status.h"

namespace thanos::model {

// Prometheus durations: "0" or units y w d h m s ms in this order, each at most once with a whole number
// ("1h30m", "1y2w"). y = 365 d. InvalidArgument when the text is something else or does not fit into int64
// nanoseconds (about 292 years), as in Prometheus.
base::StatusOr<int64_t> ParseDurationMs(std::string_view text);

// The shortest such text: weeks, days and years only when they divide the value, like Prometheus: 5400000 ->
// "1h30m", 0 -> "0s". Negative values get a leading minus.
std::string FormatDurationMs(int64_t duration_ms);

// Go durations: signed, with fractions and units ns us µs ms s m h ("1.5h", "300ms", "-2m30s", "0"). The
// result is cut to whole milliseconds towards zero.
base::StatusOr<int64_t> ParseGoDurationMs(std::string_view text);

// Bytes: a number, optionally with a fraction, and a unit B, KB, MB, ... EB, KiB ... EiB (any of them with
// base 1024, as in Prometheus' flags). InvalidArgument when malformed, negative or above int64.
base::StatusOr<int64_t> ParseBytes(std::string_view text);

}  // namespace thanos::model
