#include "compact/grouping.h"

#include <algorithm>
#include <map>
#include <set>
#include <tuple>
#include <utility>

#include "base/strings.h"

namespace thanos::compact {

std::string GroupKey(const block::Meta& meta) {
  return base::Concat(meta.resolution_ms(), "@", labels::Hash(meta.external_labels()));
}

void SortByMinTime(std::vector<MetaPtr>* blocks) {
  std::sort(blocks->begin(), blocks->end(), [](const MetaPtr& a, const MetaPtr& b) {
    return std::tie(a->min_time_ms, a->max_time_ms, a->ulid) <
           std::tie(b->min_time_ms, b->max_time_ms, b->ulid);
  });
}

std::vector<Group> GroupBlocks(const block::MetaMap& metas) {
  std::map<std::pair<labels::Labels, int64_t>, Group> by_identity;
  for (const auto& [ulid, meta] : metas) {
    labels::Labels group_labels(meta->external_labels());
    Group& group = by_identity[{group_labels, meta->resolution_ms()}];
    if (group.blocks.empty()) {
      group.key = GroupKey(*meta);
      group.labels = std::move(group_labels);
      group.resolution_ms = meta->resolution_ms();
    }
    group.blocks.push_back(meta);
  }
  std::vector<Group> groups;
  std::set<std::string> keys;
  for (auto& [identity, group] : by_identity) {
    while (!keys.insert(group.key).second) {
      group.key += "-other";
    }
    SortByMinTime(&group.blocks);
    groups.push_back(std::move(group));
  }
  return groups;
}

}  // namespace thanos::compact
