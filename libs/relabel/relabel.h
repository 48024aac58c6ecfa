#pragma once

// Relabel rules as Prometheus defines them.

#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/status.h"
#include "labels/builder.h"

namespace thanos::relabel {

enum class Action {
  kReplace,
  kKeep,
  kDrop,
  kKeepEqual,
  kDropEqual,
  kHashMod,
  kLabelMap,
  kLabelDrop,
  kLabelKeep,
  kLowercase,
  kUppercase,
};

// "replace", "labelmap", ...
std::string_view ActionName(Action action);

inline constexpr std::string_view kDefaultSeparator = ";";
inline constexpr std::string_view kDefaultRegex = "(.*)";
inline constexpr std::string_view kDefaultReplacement = "$1";

// The fields of one rule as configured.
struct RuleConfig {
  std::vector<std::string> source_labels{};
  std::string separator{kDefaultSeparator};
  std::string regex{kDefaultRegex};
  uint64_t modulus = 0;
  std::string target_label{};
  std::string replacement{kDefaultReplacement};
  Action action = Action::kReplace;
};

// One checked rule with its compiled expression. Immutable, thread-safe, cheap to copy.
class Rule {
 public:
  // InvalidArgument: the expression is malformed, or fields are missing or do not belong to the action.
  static base::StatusOr<Rule> Create(RuleConfig config);

  const RuleConfig& config() const;
  // Changes `labels`. False: the label set is to be dropped.
  bool Apply(labels::LabelBuilder* labels) const;

 private:
  struct Compiled;
  explicit Rule(std::shared_ptr<const Compiled> compiled) : compiled_(std::move(compiled)) {}

  std::string SourceValue(const labels::LabelBuilder& labels) const;
  void Replace(labels::LabelBuilder* labels, const std::string& value) const;
  void MapNames(labels::LabelBuilder* labels) const;
  void DeleteNames(labels::LabelBuilder* labels, bool matching) const;

  std::shared_ptr<const Compiled> compiled_;  // shared by the copies of the rule
};

// Applies `rules` in order. False: one of them drops the label set; `labels` is then unspecified.
bool Process(std::span<const Rule> rules, labels::LabelBuilder* labels);

}  // namespace thanos::relabel
