#include "query/merge_answers.h"

#include <algorithm>
#include <compare>
#include <tuple>
#include <utility>

namespace thanos::query {
namespace {

using google::protobuf::RepeatedPtrField;
using google::protobuf::Timestamp;

std::strong_ordering Compare(const ::thanos::ZLabelSet& a, const ::thanos::ZLabelSet& b) {
  return std::lexicographical_compare_three_way(a.labels().begin(), a.labels().end(), b.labels().begin(),
                                                b.labels().end(),
                                                [](const ::thanos::Label& x, const ::thanos::Label& y) {
                                                  const auto by_name = x.name() <=> y.name();
                                                  return by_name != 0 ? by_name : x.value() <=> y.value();
                                                });
}

// Sorts by name, too.
void RemoveReplicaLabels(const std::vector<std::string>& replica_labels, ::thanos::ZLabelSet* label_set) {
  auto* const list = label_set->mutable_labels();
  list->erase(std::remove_if(list->begin(), list->end(),
                             [&](const ::thanos::Label& label) {
                               return std::ranges::find(replica_labels, label.name()) != replica_labels.end();
                             }),
              list->end());
  std::sort(list->begin(), list->end(),
            [](const ::thanos::Label& a, const ::thanos::Label& b) { return a.name() < b.name(); });
}

auto TimeKey(const Timestamp& time) {
  return std::tuple(time.seconds(), time.nanos());
}

const ::thanos::ZLabelSet& LabelsOf(const ::thanos::Rule& rule) {
  return rule.has_alert() ? rule.alert().labels() : rule.recording().labels();
}
const std::string& NameOf(const ::thanos::Rule& rule) {
  return rule.has_alert() ? rule.alert().name() : rule.recording().name();
}
const std::string& QueryOf(const ::thanos::Rule& rule) {
  return rule.has_alert() ? rule.alert().query() : rule.recording().query();
}

// What makes two rules the same rule: alerting rules first, then name, labels, query and duration.
std::strong_ordering CompareIdentity(const ::thanos::Rule& a, const ::thanos::Rule& b) {
  if (a.has_alert() != b.has_alert()) {
    return a.has_alert() ? std::strong_ordering::less : std::strong_ordering::greater;
  }
  if (const auto order = NameOf(a) <=> NameOf(b); order != 0) {
    return order;
  }
  if (const auto order = Compare(LabelsOf(a), LabelsOf(b)); order != 0) {
    return order;
  }
  if (const auto order = QueryOf(a) <=> QueryOf(b); order != 0) {
    return order;
  }
  return a.has_alert() ? std::strong_order(a.alert().duration_seconds(), b.alert().duration_seconds())
                       : std::strong_ordering::equal;
}

// Among equal rules, the one to keep comes first.
bool IsPreferred(const ::thanos::Rule& a, const ::thanos::Rule& b) {
  if (!a.has_alert()) {
    return TimeKey(a.recording().last_evaluation()) > TimeKey(b.recording().last_evaluation());
  }
  if (a.alert().state() != b.alert().state()) {
    return a.alert().state() > b.alert().state();
  }
  return TimeKey(a.alert().last_evaluation()) > TimeKey(b.alert().last_evaluation());
}

void RemoveReplicaLabels(const std::vector<std::string>& replica_labels, ::thanos::Rule* rule) {
  if (rule->has_recording()) {
    RemoveReplicaLabels(replica_labels, rule->mutable_recording()->mutable_labels());
    return;
  }
  RemoveReplicaLabels(replica_labels, rule->mutable_alert()->mutable_labels());
  for (::thanos::AlertInstance& instance : *rule->mutable_alert()->mutable_alerts()) {
    RemoveReplicaLabels(replica_labels, instance.mutable_labels());
  }
}

bool AcceptsLabels(const RulesFilter& filter, const ::thanos::ZLabelSet& label_set) {
  const auto value_of = [&](const std::string& name) -> std::string_view {
    for (const ::thanos::Label& label : label_set.labels()) {
      if (label.name() == name && label.value().find("{{") == std::string::npos) {
        return label.value();
      }
    }
    return "";
  };
  return filter.matchers.empty() || std::ranges::any_of(filter.matchers, [&](const auto& matchers) {
           return std::ranges::all_of(matchers, [&](const labels::Matcher& matcher) {
             return matcher.Matches(value_of(matcher.name()));
           });
         });
}

bool Accepts(const std::set<std::string>& wanted, const std::string& name) {
  return wanted.empty() || wanted.contains(name);
}

template <typename T>
void Erase(RepeatedPtrField<T>* list, typename RepeatedPtrField<T>::iterator from) {
  list->erase(from, list->end());
}

void MergeGroup(const std::vector<std::string>& replica_labels, const RulesFilter& filter,
                ::thanos::RuleGroup* group) {
  auto* const rules = group->mutable_rules();
  Erase(rules, std::remove_if(rules->begin(), rules->end(), [&](const ::thanos::Rule& rule) {
          return rule.result_case() == ::thanos::Rule::RESULT_NOT_SET ||
                 !Accepts(filter.rule_names, NameOf(rule)) || !AcceptsLabels(filter, LabelsOf(rule));
        }));
  for (::thanos::Rule& rule : *rules) {
    RemoveReplicaLabels(replica_labels, &rule);
  }
  std::stable_sort(rules->begin(), rules->end(), [](const ::thanos::Rule& a, const ::thanos::Rule& b) {
    const auto order = CompareIdentity(a, b);
    return order != 0 ? order < 0 : IsPreferred(a, b);
  });
  Erase(rules, std::unique(rules->begin(), rules->end(),
                           [](const auto& a, const auto& b) { return CompareIdentity(a, b) == 0; }));
}

std::strong_ordering CompareIdentity(const ::thanos::ActiveTarget& a, const ::thanos::ActiveTarget& b) {
  if (const auto order = a.scrapeurl() <=> b.scrapeurl(); order != 0) {
    return order;
  }
  if (const auto order = a.scrapepool() <=> b.scrapepool(); order != 0) {
    return order;
  }
  if (const auto order = Compare(a.discoveredlabels(), b.discoveredlabels()); order != 0) {
    return order;
  }
  return Compare(a.labels(), b.labels());
}

bool ExemplarLess(const ::thanos::Exemplar& a, const ::thanos::Exemplar& b) {
  if (a.ts() != b.ts()) {
    return a.ts() < b.ts();
  }
  if (const auto order = Compare(a.labels(), b.labels()); order != 0) {
    return order < 0;
  }
  return std::strong_order(a.value(), b.value()) < 0;
}

void KeepLargest(size_t limit, RepeatedPtrField<::thanos::Statistic>* list) {
  std::sort(list->begin(), list->end(), [](const ::thanos::Statistic& a, const ::thanos::Statistic& b) {
    return a.value() != b.value() ? a.value() > b.value() : a.name() < b.name();
  });
  if (static_cast<size_t>(list->size()) > limit) {
    Erase(list, list->begin() + static_cast<std::ptrdiff_t>(limit));
  }
}

}  // namespace

std::vector<::thanos::RuleGroup> MergeRules(std::vector<::thanos::RuleGroup> groups,
                                            const std::vector<std::string>& replica_labels,
                                            const RulesFilter& filter) {
  std::erase_if(groups, [&](const ::thanos::RuleGroup& group) {
    return !Accepts(filter.rule_groups, group.name()) || !Accepts(filter.files, group.file());
  });
  std::ranges::stable_sort(groups, [](const ::thanos::RuleGroup& a, const ::thanos::RuleGroup& b) {
    return std::tie(a.file(), a.name()) < std::tie(b.file(), b.name());
  });
  std::vector<::thanos::RuleGroup> merged;
  for (::thanos::RuleGroup& group : groups) {
    if (merged.empty() || merged.back().file() != group.file() || merged.back().name() != group.name()) {
      merged.push_back(std::move(group));
    } else {
      merged.back().mutable_rules()->MergeFrom(group.rules());
    }
  }
  for (::thanos::RuleGroup& group : merged) {
    MergeGroup(replica_labels, filter, &group);
  }
  std::erase_if(merged, [](const ::thanos::RuleGroup& group) { return group.rules().empty(); });
  return merged;
}

::thanos::TargetDiscovery MergeTargets(::thanos::TargetDiscovery targets,
                                       const std::vector<std::string>& replica_labels) {
  auto* const active = targets.mutable_activetargets();
  for (::thanos::ActiveTarget& target : *active) {
    RemoveReplicaLabels(replica_labels, target.mutable_discoveredlabels());
    RemoveReplicaLabels(replica_labels, target.mutable_labels());
  }
  std::stable_sort(active->begin(), active->end(),
                   [](const ::thanos::ActiveTarget& a, const ::thanos::ActiveTarget& b) {
                     if (const auto order = CompareIdentity(a, b); order != 0) {
                       return order < 0;
                     }
                     return a.health() != b.health() ? a.health() < b.health()
                                                     : TimeKey(a.lastscrape()) > TimeKey(b.lastscrape());
                   });
  Erase(active, std::unique(active->begin(), active->end(),
                            [](const auto& a, const auto& b) { return CompareIdentity(a, b) == 0; }));
  auto* const dropped = targets.mutable_droppedtargets();
  for (::thanos::DroppedTarget& target : *dropped) {
    RemoveReplicaLabels(replica_labels, target.mutable_discoveredlabels());
  }
  std::sort(dropped->begin(), dropped->end(), [](const auto& a, const auto& b) {
    return Compare(a.discoveredlabels(), b.discoveredlabels()) < 0;
  });
  Erase(dropped, std::unique(dropped->begin(), dropped->end(), [](const auto& a, const auto& b) {
          return Compare(a.discoveredlabels(), b.discoveredlabels()) == 0;
        }));
  return targets;
}

std::vector<::thanos::ExemplarData> MergeExemplars(std::vector<::thanos::ExemplarData> data,
                                                   const std::vector<std::string>& replica_labels) {
  for (::thanos::ExemplarData& series : data) {
    RemoveReplicaLabels(replica_labels, series.mutable_serieslabels());
  }
  std::ranges::stable_sort(
      data, [](const auto& a, const auto& b) { return Compare(a.serieslabels(), b.serieslabels()) < 0; });
  std::vector<::thanos::ExemplarData> merged;
  for (::thanos::ExemplarData& series : data) {
    if (merged.empty() || Compare(merged.back().serieslabels(), series.serieslabels()) != 0) {
      merged.push_back(std::move(series));
    } else {
      merged.back().mutable_exemplars()->MergeFrom(series.exemplars());
    }
  }
  for (::thanos::ExemplarData& series : merged) {
    auto* const exemplars = series.mutable_exemplars();
    std::sort(exemplars->begin(), exemplars->end(), ExemplarLess);
    Erase(exemplars, std::unique(exemplars->begin(), exemplars->end(), [](const auto& a, const auto& b) {
            return !ExemplarLess(a, b) && !ExemplarLess(b, a);
          }));
  }
  return merged;
}

::thanos::TSDBStatisticsEntry SumOfTenants(const ::thanos::TSDBStatistics& statistics,
                                           const std::string& tenant, size_t limit) {
  ::thanos::TSDBStatistics sum;
  for (const auto& [name, entry] : statistics.statistics()) {
    if (tenant.empty() || name == tenant) {
      ::thanos::TSDBStatistics one;
      (*one.mutable_statistics())[""] = entry;
      storeapi::MergeStatistics(one, &sum);
    }
  }
  ::thanos::TSDBStatisticsEntry entry = (*sum.mutable_statistics())[""];
  KeepLargest(limit, entry.mutable_series_count_by_metric_name());
  KeepLargest(limit, entry.mutable_label_value_count_by_label_name());
  KeepLargest(limit, entry.mutable_memory_in_bytes_by_label_name());
  KeepLargest(limit, entry.mutable_series_count_by_label_value_pair());
  return entry;
}

}  // namespace thanos::query
