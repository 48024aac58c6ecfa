#include "bucketstore/internal/lazy_postings.h"

#include <algorithm>
#include <numeric>

namespace thanos::bucketstore::internal {
namespace {

// What a group is expected to leave of the series.
constexpr double kMatchRatio = 0.5;
constexpr uint64_t kRefBytes = 4;
// Length, count and checksum of a list.
constexpr uint64_t kListFrameBytes = 12;

}  // namespace

std::vector<LazyGroup> ChooseLazyGroups(const index::PostingsPlan& plan, const index::PostingsTable& table,
                                        const LazyOptions& options) {
  std::vector<LazyGroup> choice(plan.groups.size());
  if (plan.empty || plan.add_all || plan.groups.size() < 2) {
    return choice;
  }
  std::vector<uint64_t> num_refs(plan.groups.size());
  for (size_t i = 0; i < plan.groups.size(); ++i) {
    for (const std::string_view value : plan.groups[i].values) {
      if (const auto range = table.Find(plan.groups[i].name, value)) {
        choice[i].num_bytes += range->size();
        num_refs[i] += range->size() > kListFrameBytes ? (range->size() - kListFrameBytes) / kRefBytes : 0;
      }
    }
  }
  std::vector<size_t> order(plan.groups.size());
  std::iota(order.begin(), order.end(), size_t{0});
  std::stable_sort(order.begin(), order.end(), [&](size_t a, size_t b) { return num_refs[a] < num_refs[b]; });
  // The smallest adding group is where the expansion begins.
  const auto first =
      std::find_if(order.begin(), order.end(), [&](size_t i) { return !plan.groups[i].remove; });
  std::rotate(order.begin(), first, first + 1);

  const auto smallest = static_cast<double>(num_refs[order[0]]);
  double left = smallest;  // series that are expected to be left
  bool worth_it = true;
  for (size_t n = 1; n < order.size(); ++n) {
    const size_t i = order[n];
    const double saved = left * static_cast<double>(options.series_bytes) * (1 - kMatchRatio);
    worth_it = worth_it && static_cast<double>(num_refs[i] * kRefBytes) < saved;
    if (!worth_it) {
      choice[i].reason = LazyReason::kPostingsSize;
    } else if (options.max_key_series_ratio > 0 &&
               static_cast<double>(plan.groups[i].values.size()) > options.max_key_series_ratio * smallest) {
      choice[i].reason = LazyReason::kKeysLimit;
    } else {
      left *= kMatchRatio;
    }
  }
  return choice;
}

}  // namespace thanos::bucketstore::internal
