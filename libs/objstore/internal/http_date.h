#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace thanos::objstore::internal {

// "Sun, 06 Nov 1994 08:49:37 GMT" as milliseconds since the Unix epoch; nullopt for any other form.
std::optional<int64_t> ParseHttpDateMs(std::string_view text);
std::string FormatHttpDate(int64_t time_ms);

// "2013-05-24T00:00:00Z", with or without a fraction of seconds, as milliseconds since the Unix epoch;
// nullopt for any other form.
std::optional<int64_t> ParseIsoTimeMs(std::string_view text);

}  // namespace thanos::objstore::internal
