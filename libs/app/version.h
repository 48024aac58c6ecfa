#pragma once

#include <string_view>

namespace thanos::app {

// What --version, thanos_build_info and /api/v1/status/buildinfo say.
inline constexpr std::string_view kVersion = "0.1.0";
inline constexpr std::string_view kCompatibleWith = "0.41.0";

}  // namespace thanos::app
