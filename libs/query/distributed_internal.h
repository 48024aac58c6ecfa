#pragma once

// Private: what planning and execution of distributed queries share.

#include <string_view>

namespace thanos::query {

// The label whose value numbers the part a selector stands for.
inline constexpr std::string_view kRemotePartLabel = "__remote_part__";

}  // namespace thanos::query
