#include "index/expanded_postings.h"

#include <algorithm>

namespace thanos::index {
namespace {

using labels::Matcher;
using labels::MatchType;

bool IsNegative(const Matcher& matcher) {
  return matcher.type() == MatchType::kNotEqual || matcher.type() == MatchType::kNotRegexp;
}

// A matcher that accepts the empty value accepts series without the label, which no list knows: then it says
// which values are *not* accepted. Otherwise it says which are.
base::StatusOr<PostingsGroup> MakeGroup(PostingsSource& source, const Matcher& matcher) {
  PostingsGroup group;
  group.name = matcher.name();
  group.remove = matcher.MatchesEmpty();
  if (matcher.type() == MatchType::kRegexp && matcher.value() == ".*") {
    return group;  // common in dashboards: nothing to remove, and no need to look at every value
  }
  // The values in the group are those the matcher's expression accepts, rather than those it does not.
  const bool wants_expression = group.remove == IsNegative(matcher);
  if (wants_expression && matcher.set_values() != nullptr) {
    for (const std::string& value : *matcher.set_values()) {
      group.values.emplace_back(value);  // never empty here: the expression does not accept the empty value
    }
    return group;
  }
  const bool wanted = !group.remove;
  TH_RETURN_IF_ERROR(source.VisitValues(
      matcher.name(), wants_expression ? matcher.prefix() : std::string_view(), [&](std::string_view value) {
        if (matcher.Matches(value) == wanted) {
          group.values.push_back(value);
        }
      }));
  return group;
}

}  // namespace

base::StatusOr<PostingsPlan> PlanPostings(PostingsSource& source,
                                          const std::vector<labels::Matcher>& matchers) {
  PostingsPlan plan;
  plan.add_all = true;
  // Adding matchers first: one without any value spares the scans of the others.
  for (const bool remove : {false, true}) {
    for (size_t i = 0; i < matchers.size(); ++i) {
      if (matchers[i].MatchesEmpty() != remove) {
        continue;
      }
      TH_ASSIGN_OR_RETURN(PostingsGroup group, MakeGroup(source, matchers[i]));
      group.matcher_index = i;
      if (group.values.empty()) {
        if (!remove) {
          plan.empty = true;
          return plan;
        }
        continue;
      }
      plan.add_all = plan.add_all && remove;
      plan.groups.push_back(std::move(group));
    }
  }
  return plan;
}

std::vector<PostingsKey> PlanKeys(const PostingsPlan& plan) {
  std::vector<PostingsKey> keys;
  if (plan.empty) {
    return keys;
  }
  if (plan.add_all) {
    keys.push_back(kAllPostings);
  }
  for (const PostingsGroup& group : plan.groups) {
    for (const std::string_view value : group.values) {
      keys.push_back({group.name, value});
    }
  }
  return keys;
}

Postings CombinePostings(const PostingsPlan& plan, std::vector<Postings> lists) {
  if (plan.empty) {
    return {};
  }
  std::vector<Postings> added;
  std::vector<Postings> removed;
  auto next = lists.begin();
  const auto take = [&](size_t count) {
    std::vector<Postings> taken(std::make_move_iterator(next),
                                std::make_move_iterator(next + static_cast<ptrdiff_t>(count)));
    next += static_cast<ptrdiff_t>(count);
    return taken;
  };
  if (plan.add_all) {
    added = take(1);
  }
  for (const PostingsGroup& group : plan.groups) {
    (group.remove ? removed : added).push_back(UnionAll(take(group.values.size())));
  }
  Postings result = IntersectAll(std::move(added));
  for (const Postings& list : removed) {
    result = Without(result, list);
  }
  return result;
}

base::StatusOr<Postings> ExpandPostings(PostingsSource& source,
                                        const std::vector<labels::Matcher>& matchers) {
  TH_ASSIGN_OR_RETURN(const PostingsPlan plan, PlanPostings(source, matchers));
  return FetchPlan(source, plan);
}

base::StatusOr<Postings> FetchPlan(PostingsSource& source, const PostingsPlan& plan) {
  if (plan.empty) {
    return Postings();
  }
  const std::vector<PostingsKey> keys = PlanKeys(plan);
  TH_ASSIGN_OR_RETURN(std::vector<Postings> lists, source.Fetch(keys));
  if (lists.size() != keys.size()) {
    return base::Internal("postings source gave ", lists.size(), " lists for ", keys.size(), " keys");
  }
  return CombinePostings(plan, std::move(lists));
}

}  // namespace thanos::index
