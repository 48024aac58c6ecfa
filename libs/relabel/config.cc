#include "relabel/config.h"

#include <algorithm>
#include <limits>
#include <string>
#include <utility>

#include "base/strings.h"

namespace thanos::relabel {
namespace {

// Far more than anybody writes, far less than hurts.
constexpr size_t kMaxRules = 10'000;

base::StatusOr<Action> ParseAction(std::string_view text) {
  std::string lower(text);
  for (char& c : lower) {
    c = c >= 'A' && c <= 'Z' ? static_cast<char>(c ^ 0x20) : c;
  }
  for (int i = 0; i <= static_cast<int>(Action::kUppercase); ++i) {
    if (ActionName(static_cast<Action>(i)) == lower) {
      return static_cast<Action>(i);
    }
  }
  return base::InvalidArgument("unknown relabel action \"", text, "\"");
}

base::StatusOr<Rule> ParseRule(const config::YamlNode& node, std::span<const Action> allowed) {
  RuleConfig rule;
  std::string action(ActionName(rule.action));
  int64_t modulus = 0;
  config::YamlMap map(node);
  map.Read("source_labels", &rule.source_labels);
  map.Read("separator", &rule.separator);
  map.Read("regex", &rule.regex);
  map.Read("modulus", &modulus);
  map.Read("target_label", &rule.target_label);
  map.Read("replacement", &rule.replacement);
  map.Read("action", &action);
  TH_RETURN_IF_ERROR(map.Finish());
  if (modulus < 0) {
    return base::InvalidArgument("modulus ", modulus, " is negative");
  }
  rule.modulus = static_cast<uint64_t>(modulus);
  TH_ASSIGN_OR_RETURN(rule.action, ParseAction(action));
  if (!allowed.empty() && std::find(allowed.begin(), allowed.end(), rule.action) == allowed.end()) {
    return base::InvalidArgument("unsupported relabel action: ", ActionName(rule.action));
  }
  return Rule::Create(std::move(rule));
}

}  // namespace

base::StatusOr<std::vector<Rule>> ParseRules(const config::YamlNode& node, std::span<const Action> allowed) {
  std::vector<Rule> rules;
  if (node.kind == config::YamlNode::Kind::kNull) {
    return rules;
  }
  if (node.kind != config::YamlNode::Kind::kSequence) {
    return base::InvalidArgument("line ", node.line, ": relabel rules must be a list");
  }
  if (node.items.size() > kMaxRules) {
    return base::InvalidArgument(node.items.size(), " relabel rules, at most ", kMaxRules, " are allowed");
  }
  for (size_t i = 0; i < node.items.size(); ++i) {
    if (node.items[i].kind != config::YamlNode::Kind::kMap) {
      return base::InvalidArgument("line ", node.items[i].line, ": relabel rule ", i + 1, " must be a map");
    }
    auto rule = ParseRule(node.items[i], allowed);
    if (!rule.ok()) {
      return base::Annotate(rule.status(), "relabel rule ", i + 1);
    }
    rules.push_back(*std::move(rule));
  }
  return rules;
}

base::StatusOr<std::vector<Rule>> ParseRules(std::string_view yaml, std::span<const Action> allowed) {
  TH_ASSIGN_OR_RETURN(const config::YamlNode node, config::ParseYaml(yaml));
  return ParseRules(node, allowed);
}

}  // namespace thanos::relabel
