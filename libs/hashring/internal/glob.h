#pragma once

// File name patterns as Go's path/filepath matches them; private to this library.

#include <string_view>

#include "base/status.h"

namespace thanos::hashring::internal {

// True when `pattern` matches the whole of `name`: '*' any run without '/', '?' one character but '/',
// [a-z] and [^a-z] one character of or not of a class, '\\' takes the next character as it is. Characters are
// UTF-8. InvalidArgument: the pattern is malformed (found only as far as the match looked).
base::StatusOr<bool> GlobMatch(std::string_view pattern, std::string_view name);

// True when no name can make GlobMatch fail.
bool IsValidGlob(std::string_view pattern);

}  // namespace thanos::hashring::internal
