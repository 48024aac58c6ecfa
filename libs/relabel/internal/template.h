#pragma once

#include <re2/re2.h>
#include <span>
#include <string>
#include <string_view>

namespace thanos::relabel::internal {

// True when `text` refers to a group: "$1", "${name}".
bool HasReference(std::string_view text);

// `text` with its references replaced by the groups of a match, like Go's Regexp.Expand: "$1", "${1}",
// "$name", "${name}" and "$$"; a name is as long as possible, an unknown group is empty, a malformed
// reference stands for itself. `groups[0]` is the whole match.
std::string Expand(std::string_view text, const RE2& expression, std::span<const re2::StringPiece> groups);

}  // namespace thanos::relabel::internal
