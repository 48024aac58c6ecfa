#include "rules/rule_file.h"

#include <glob.h>
#include <set>

#include "base/strings.h"
#include "config/yaml.h"
#include "labels/labels.h"
#include "promql_parser/parser.h"

namespace thanos::rules {
namespace {

bool IsName(std::string_view name) {
  return !name.empty() && base::IsValidUtf8(name);
}

// Reads one file and remembers all that is wrong with it.
class Parser {
 public:
  base::StatusOr<RuleFile> Parse(const config::YamlNode& root);

 private:
  template <typename... Parts>
  void Complain(int line, const Parts&... parts) {
    problems_.push_back(base::Concat("line ", line, ": ", parts...));
  }
  void Check(const config::YamlNode& node, const base::Status& status) {
    if (!status.ok()) {
      problems_.push_back(base::Concat("line ", node.line, ": ", base::Message(status)));
    }
  }
  GroupSpec ReadGroup(const config::YamlNode& node);
  RuleSpec ReadRule(const config::YamlNode& node);
  void CheckRule(const std::string& group, size_t number, const RuleSpec& rule);
  void CheckLabels(const RuleSpec& rule, const std::string& where);

  std::vector<std::string> problems_;
};

RuleSpec Parser::ReadRule(const config::YamlNode& node) {
  RuleSpec rule;
  rule.line = node.line;
  config::YamlMap map(node);
  base::Duration hold{};
  base::Duration keep{};
  map.Read("record", &rule.record);
  map.Read("alert", &rule.alert);
  map.Read("expr", &rule.expr);
  map.Read("for", &hold);
  map.Read("keep_firing_for", &keep);
  map.Read("labels", &rule.labels);
  map.Read("annotations", &rule.annotations);
  rule.for_ms = base::ToMs(hold);
  rule.keep_firing_for_ms = base::ToMs(keep);
  Check(node, map.Finish());
  return rule;
}

void Parser::CheckLabels(const RuleSpec& rule, const std::string& where) {
  for (const auto& [name, value] : rule.labels) {
    if (!IsName(name) || name == labels::kMetricName) {
      Complain(rule.line, where, "invalid label name: ", name);
    }
    if (!base::IsValidUtf8(value)) {
      Complain(rule.line, where, "invalid label value: ", base::Quote(value));
    }
  }
  for (const auto& [name, value] : rule.annotations) {
    if (!IsName(name)) {
      Complain(rule.line, where, "invalid annotation name: ", name);
    }
  }
}

void Parser::CheckRule(const std::string& group, size_t number, const RuleSpec& rule) {
  const std::string& name = rule.record.empty() ? rule.alert : rule.record;
  const std::string where =
      base::Concat("group ", base::Quote(group), ", rule ", number, ", ", base::Quote(name), ": ");
  if (!rule.record.empty() && !rule.alert.empty()) {
    Complain(rule.line, where, "only one of 'record' and 'alert' must be set");
  }
  if (rule.record.empty() && rule.alert.empty()) {
    Complain(rule.line, where, "one of 'record' or 'alert' must be set");
  }
  if (rule.expr.empty()) {
    Complain(rule.line, where, "field 'expr' must be set in rule");
  } else if (const auto expr = promql_parser::Parse(rule.expr, {.enable_experimental = true}); !expr.ok()) {
    Complain(rule.line, where, "could not parse expression: ", base::Message(expr.status()));
  }
  if (!rule.record.empty()) {
    if (!rule.annotations.empty()) {
      Complain(rule.line, where, "invalid field 'annotations' in recording rule");
    }
    if (rule.for_ms != 0) {
      Complain(rule.line, where, "invalid field 'for' in recording rule");
    }
    if (rule.keep_firing_for_ms != 0) {
      Complain(rule.line, where, "invalid field 'keep_firing_for' in recording rule");
    }
    if (!base::IsValidUtf8(rule.record)) {
      Complain(rule.line, where, "invalid recording rule name: ", base::Quote(rule.record));
    }
  }
  CheckLabels(rule, where);
}

GroupSpec Parser::ReadGroup(const config::YamlNode& node) {
  GroupSpec group;
  config::YamlMap map(node);
  base::Duration interval{};
  base::Duration offset{};
  std::string strategy;
  map.Read("name", &group.name);
  map.Read("interval", &interval);
  group.has_query_offset = map.Has("query_offset");
  map.Read("query_offset", &offset);
  map.Read("limit", &group.limit);
  map.Read("labels", &group.labels);
  map.Read("partial_response_strategy", &strategy);
  group.interval_ms = base::ToMs(interval);
  group.query_offset_ms = base::ToMs(offset);
  if (strategy == "warn" || strategy == "WARN") {
    group.partial_response = PartialResponse::kWarn;
  } else if (!strategy.empty() && strategy != "abort" && strategy != "ABORT") {
    map.Fail("partial_response_strategy", base::Concat("failed to unmarshal ", base::Quote(strategy),
                                                       " as 'partial_response_strategy'. Possible values are "
                                                       "ABORT,WARN"));
  }
  if (const config::YamlNode* rules = map.Node("rules"); rules != nullptr) {
    if (rules->kind == config::YamlNode::Kind::kSequence) {
      for (const config::YamlNode& rule : rules->items) {
        group.rules.push_back(ReadRule(rule));
      }
    } else if (rules->kind != config::YamlNode::Kind::kNull) {
      map.Fail("rules", "expected a sequence");
    }
  }
  Check(node, map.Finish());
  if (group.name.empty()) {
    Complain(node.line, "groupname must not be empty");
  }
  for (size_t i = 0; i < group.rules.size(); ++i) {
    CheckRule(group.name, i + 1, group.rules[i]);
  }
  return group;
}

base::StatusOr<RuleFile> Parser::Parse(const config::YamlNode& root) {
  RuleFile file;
  config::YamlMap map(root);
  if (const config::YamlNode* groups = map.Node("groups"); groups != nullptr) {
    if (groups->kind != config::YamlNode::Kind::kSequence && groups->kind != config::YamlNode::Kind::kNull) {
      map.Fail("groups", "expected a sequence");
    }
    std::set<std::string> names;
    for (const config::YamlNode& node : groups->items) {
      file.groups.push_back(ReadGroup(node));
      const std::string& name = file.groups.back().name;
      if (!name.empty() && !names.insert(name).second) {
        Complain(node.line, "groupname: ", base::Quote(name), " is repeated in the same file");
      }
    }
  }
  Check(root, map.Finish());
  if (!problems_.empty()) {
    return base::InvalidArgument(base::Join(problems_, "\n"));
  }
  return file;
}

}  // namespace

size_t RuleFile::num_rules() const {
  size_t count = 0;
  for (const GroupSpec& group : groups) {
    count += group.rules.size();
  }
  return count;
}

base::StatusOr<RuleFile> ParseRuleFile(std::string_view yaml) {
  TH_ASSIGN_OR_RETURN(const config::YamlNode root, config::ParseYaml(yaml));
  return Parser().Parse(root);
}

std::vector<std::string> ExpandPattern(const std::string& pattern) {
  std::vector<std::string> paths;
  glob_t found{};
  if (glob(pattern.c_str(), 0, nullptr, &found) == 0) {
    paths.assign(found.gl_pathv, found.gl_pathv + found.gl_pathc);
  }
  globfree(&found);
  return paths;
}

}  // namespace thanos::rules
