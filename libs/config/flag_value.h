#pragma once

// Private: one declared flag and the way between its text and its typed target.

#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "base/status.h"
#include "config/flags.h"

namespace thanos::config {

struct Flag {
  using Target = std::variant<bool*, std::string*, int64_t*, double*, ExtDuration*, PromDuration*, ByteSize*,
                              TimeOrDuration*, std::vector<std::string>*>;
  std::string name;
  std::string help;
  Target target;
  std::vector<std::string> allowed;  // not empty: an enum
  FlagOptions options;
  int times_set = 0;
  bool is_bool() const { return std::holds_alternative<bool*>(target); }
  bool is_list() const { return std::holds_alternative<std::vector<std::string>*>(target); }
};

// Parses `text` into the target; for lists the first text replaces the default and later ones append.
// InvalidArgument for a value of the wrong form and for a repeated flag that is no list.
base::Status SetFlag(Flag& flag, std::string_view text);

// The target as text; lists joined by commas.
std::string FlagText(const Flag& flag);

}  // namespace thanos::config
