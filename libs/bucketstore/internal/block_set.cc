#include "bucketstore/internal/block_set.h"

#include <algorithm>
#include <utility>

namespace thanos::bucketstore::internal {

std::shared_ptr<const std::vector<labels::Matcher>> MatchersForBlock(
    const std::vector<labels::Matcher>& matchers, labels::LabelSpan external) {
  auto rest = std::make_shared<std::vector<labels::Matcher>>();
  for (const labels::Matcher& matcher : matchers) {
    const std::string_view value = labels::Get(external, matcher.name());
    if (value.empty()) {
      rest->push_back(matcher);
    } else if (!matcher.Matches(value)) {
      return nullptr;
    }
  }
  return rest;
}

BlockSet::BlockSet(std::vector<std::shared_ptr<BucketBlock>> blocks,
                   std::map<model::Ulid, UnloadedBlock> unloaded)
    : unloaded_(std::move(unloaded)) {
  std::map<std::string, size_t> group_of;
  for (std::shared_ptr<BucketBlock>& block : blocks) {
    const labels::LabelSpan external = block->meta().external_labels();
    const auto [position, is_new] = group_of.emplace(labels::ToString(external), groups_.size());
    if (is_new) {
      groups_.emplace_back().external_labels = labels::Labels(external);
    }
    // A resolution of another product version counts as the next finer one.
    size_t level = 0;
    while (level + 1 < kResolutions.size() && kResolutions[level] > block->meta().resolution_ms()) {
      ++level;
    }
    groups_[position->second].blocks[level].push_back(block);
    blocks_.emplace(block->meta().ulid, std::move(block));
  }
  for (Group& group : groups_) {
    for (auto& level : group.blocks) {
      std::sort(level.begin(), level.end(), [](const auto& a, const auto& b) {
        return a->meta().min_time_ms != b->meta().min_time_ms ? a->meta().min_time_ms < b->meta().min_time_ms
                                                              : a->meta().ulid < b->meta().ulid;
      });
    }
  }
}

void BlockSet::SelectFrom(const Group& group, int64_t min_time_ms, int64_t max_time_ms,
                          int64_t max_resolution_ms, std::vector<std::shared_ptr<BucketBlock>>* selected) {
  if (min_time_ms > max_time_ms) {
    return;
  }
  size_t level = 0;
  while (level < kResolutions.size() && kResolutions[level] > max_resolution_ms) {
    ++level;
  }
  if (level == kResolutions.size()) {
    return;
  }
  const bool has_finer = level + 1 < kResolutions.size();
  int64_t start = min_time_ms;
  for (const std::shared_ptr<BucketBlock>& block : group.blocks[level]) {
    const block::Meta& meta = block->meta();
    if (meta.max_time_ms <= min_time_ms) {
      continue;
    }
    if (meta.min_time_ms > max_time_ms) {
      break;
    }
    if (has_finer) {
      SelectFrom(group, start, model::SaturatingSubtract(meta.min_time_ms, 1), kResolutions[level + 1],
                 selected);
    }
    selected->push_back(block);
    start = std::max(start, meta.max_time_ms);
  }
  if (has_finer) {
    SelectFrom(group, start, max_time_ms, kResolutions[level + 1], selected);
  }
}

std::vector<SelectedBlock> BlockSet::Select(int64_t min_time_ms, int64_t max_time_ms,
                                            int64_t max_resolution_ms,
                                            const std::vector<labels::Matcher>& matchers) const {
  std::vector<SelectedBlock> result;
  std::vector<std::shared_ptr<BucketBlock>> selected;
  for (const Group& group : groups_) {
    const auto rest = MatchersForBlock(matchers, group.external_labels);
    if (rest == nullptr) {
      continue;
    }
    selected.clear();
    SelectFrom(group, min_time_ms, max_time_ms, std::max<int64_t>(max_resolution_ms, 0), &selected);
    // A fine block can fill several gaps.
    std::sort(selected.begin(), selected.end(),
              [](const auto& a, const auto& b) { return a->meta().ulid < b->meta().ulid; });
    selected.erase(std::unique(selected.begin(), selected.end()), selected.end());
    for (std::shared_ptr<BucketBlock>& block : selected) {
      result.push_back({std::move(block), rest});
    }
  }
  return result;
}

std::vector<std::string> BlockSet::MissingBlocks(int64_t min_time_ms, int64_t max_time_ms,
                                                 const std::vector<labels::Matcher>& matchers) const {
  std::vector<std::string> warnings;
  for (const auto& [ulid, unloaded] : unloaded_) {
    if (unloaded.meta != nullptr &&
        (!unloaded.meta->time_range().Overlaps(model::ClosedRange{min_time_ms, max_time_ms}) ||
         MatchersForBlock(matchers, unloaded.meta->external_labels()) == nullptr)) {
      continue;
    }
    warnings.push_back(
        base::Concat("block ", ulid.ToString(), " is not available: ", base::Message(unloaded.error)));
  }
  return warnings;
}

storeapi::StoreInfo BlockSet::Describe() const {
  // Unloaded blocks count: who asks for their time and labels must come here to learn that they are missing.
  std::map<labels::Labels, std::vector<std::pair<int64_t, int64_t>>> ranges_of;
  for (const auto& [ulid, block] : blocks_) {
    ranges_of[labels::Labels(block->meta().external_labels())].emplace_back(block->meta().min_time_ms,
                                                                            block->meta().max_time_ms);
  }
  for (const auto& [ulid, unloaded] : unloaded_) {
    if (unloaded.meta != nullptr) {
      ranges_of[labels::Labels(unloaded.meta->external_labels())].emplace_back(unloaded.meta->min_time_ms,
                                                                               unloaded.meta->max_time_ms);
    }
  }
  storeapi::StoreInfo info;
  for (auto& [external_labels, ranges] : ranges_of) {
    if (!external_labels.empty()) {
      info.label_sets.push_back(external_labels);
    }
    std::sort(ranges.begin(), ranges.end());
    for (size_t i = 0; i < ranges.size(); ++i) {
      const auto& [min_time_ms, max_time_ms] = ranges[i];
      info.min_time_ms = std::min(info.min_time_ms, min_time_ms);
      info.max_time_ms = std::max(info.max_time_ms, max_time_ms);
      if (i > 0 && min_time_ms <= info.tsdb_infos.back().max_time_ms) {
        info.tsdb_infos.back().max_time_ms = std::max(info.tsdb_infos.back().max_time_ms, max_time_ms);
      } else {
        info.tsdb_infos.push_back({external_labels, min_time_ms, max_time_ms});
      }
    }
  }
  return info;
}

}  // namespace thanos::bucketstore::internal
