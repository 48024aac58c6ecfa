#pragma once

#include <span>
#include <string_view>
#include <vector>

#include "base/status.h"
#include "config/yaml.h"
#include "relabel/relabel.h"

namespace thanos::relabel {

// What may choose blocks and stores: these rules never change what is served.
inline constexpr Action kSelectorActions[] = {Action::kKeep, Action::kDrop, Action::kHashMod};

// A sequence of rules: source_labels, separator, regex, modulus, target_label, replacement, action. Empty
// text is no rules. InvalidArgument: malformed, an unknown key, a rule Rule::Create refuses, or an action
// that is not in `allowed` (empty: all are).
base::StatusOr<std::vector<Rule>> ParseRules(std::string_view yaml, std::span<const Action> allowed = {});
// The same for a node of a larger document.
base::StatusOr<std::vector<Rule>> ParseRules(const config::YamlNode& node,
                                             std::span<const Action> allowed = {});

}  // namespace thanos::relabel
