#include "fanout/selection.h"

#include <algorithm>

namespace thanos::fanout {
namespace {

bool Contradicts(const std::vector<labels::Matcher>& matchers, labels::LabelSpan label_set) {
  return std::any_of(matchers.begin(), matchers.end(), [&](const labels::Matcher& matcher) {
    return labels::Has(label_set, matcher.name()) && !matcher.Matches(labels::Get(label_set, matcher.name()));
  });
}

bool AddressAccepted(const StoreRef& store, const std::vector<std::vector<labels::Matcher>>& store_matchers) {
  if (store_matchers.empty()) {
    return true;
  }
  if (store.in_process) {
    return false;
  }
  const labels::LabelView address{.name = "__address__", .value = store.name};
  return std::any_of(store_matchers.begin(), store_matchers.end(),
                     [&](const std::vector<labels::Matcher>& matchers) {
                       return labels::MatchesAll(matchers, labels::LabelSpan(&address, 1));
                     });
}

}  // namespace

bool MayHold(const StoreRef& store, const Selection& selection) {
  if (selection.min_time_ms > store.info.max_time_ms || selection.max_time_ms < store.info.min_time_ms) {
    return false;
  }
  if (!AddressAccepted(store, selection.store_matchers)) {
    return false;
  }
  const std::vector<labels::Labels>& label_sets = store.info.label_sets;
  return label_sets.empty() ||
         !std::all_of(label_sets.begin(), label_sets.end(), [&](const labels::Labels& label_set) {
           return Contradicts(selection.matchers, label_set);
         });
}

std::optional<std::vector<labels::Matcher>> ApplySelectorLabels(const std::vector<labels::Matcher>& matchers,
                                                                labels::LabelSpan selector_labels) {
  std::vector<labels::Matcher> rest;
  for (const labels::Matcher& matcher : matchers) {
    if (!labels::Has(selector_labels, matcher.name())) {
      rest.push_back(matcher);
    } else if (!matcher.Matches(labels::Get(selector_labels, matcher.name()))) {
      return std::nullopt;
    }
  }
  return rest;
}

}  // namespace thanos::fanout
