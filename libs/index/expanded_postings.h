#pragma once

// Matchers -> series references: which lists to add, which to remove. Shared by readers of whole index files
// and by the store gateway, which has only an index-header and fetches lists by range.

#include <functional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/status.h"
#include "index/postings.h"
#include "labels/matcher.h"

namespace thanos::index {

// One list. Views are owned by the matcher or the source they came from.
struct PostingsKey {
  std::string_view name;
  std::string_view value;
  friend bool operator==(const PostingsKey&, const PostingsKey&) = default;
};
// The list of all series.
inline constexpr PostingsKey kAllPostings{};

// What resolving needs to know about an index.
class PostingsSource {
 public:
  virtual ~PostingsSource() = default;
  // Calls `visit` with each value of label `name` that starts with `prefix`, ascending. The views stay valid
  // as long as the source. Unknown names have no values.
  virtual base::Status VisitValues(std::string_view name, std::string_view prefix,
                                   const std::function<void(std::string_view)>& visit) = 0;
  // The list of each key, in the order of `keys`; empty when the index has none. Called once per expansion
  // with all keys, so that reads can be coalesced.
  virtual base::StatusOr<std::vector<Postings>> Fetch(std::span<const PostingsKey> keys) = 0;
};

// The union of the lists of `values`, either required (add) or excluded (remove).
struct PostingsGroup {
  std::string_view name;
  std::vector<std::string_view> values;
  bool remove = false;
  size_t matcher_index = 0;  // in the matchers the plan was made from
};

// Result: the intersection of all added groups (of all series when there is none), minus every removed group.
struct PostingsPlan {
  // True when some matcher cannot be satisfied: the result is empty and `groups` meaningless.
  bool empty = false;
  std::vector<PostingsGroup> groups;
  // True when no group adds, so that the list of all series is the start.
  bool add_all = false;
};

// Resolves `matchers` without reading any list. Expressions run over each value at most once; known sets of
// values are taken as they are, without looking at the values of the label. The plan's views live as long as
// `matchers` and `source`.
base::StatusOr<PostingsPlan> PlanPostings(PostingsSource& source,
                                          const std::vector<labels::Matcher>& matchers);

// All keys of `plan`: kAllPostings first if add_all, then group by group.
std::vector<PostingsKey> PlanKeys(const PostingsPlan& plan);

// Combines `lists`, which are those of PlanKeys(plan), in order.
Postings CombinePostings(const PostingsPlan& plan, std::vector<Postings> lists);

// Fetch of all of PlanKeys(plan) and CombinePostings.
base::StatusOr<Postings> FetchPlan(PostingsSource& source, const PostingsPlan& plan);

// PlanPostings, Fetch of everything, CombinePostings. No matchers: all series.
base::StatusOr<Postings> ExpandPostings(PostingsSource& source, const std::vector<labels::Matcher>& matchers);

}  // namespace thanos::index
