#pragma once

#include <array>
#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "base/status.h"
#include "bucketstore/internal/bucket_block.h"
#include "labels/labels.h"
#include "labels/matcher.h"
#include "storeapi/store.h"

namespace thanos::bucketstore::internal {

// A block that takes part in a request, with the matchers its external labels leave to be checked.
struct SelectedBlock {
  std::shared_ptr<BucketBlock> block;
  std::shared_ptr<const std::vector<labels::Matcher>> matchers;
};

// A block of the bucket that could not be loaded.
struct UnloadedBlock {
  std::shared_ptr<const block::Meta> meta;  // null when not even the meta could be read
  base::Status error;
};

// The loaded blocks at one moment, by external labels. Immutable, thread-safe.
class BlockSet {
 public:
  BlockSet() = default;
  BlockSet(std::vector<std::shared_ptr<BucketBlock>> blocks, std::map<model::Ulid, UnloadedBlock> unloaded);

  // Blocks that overlap [min_time_ms, max_time_ms] (inclusive) and whose external labels do not contradict
  // `matchers`. Of each label set the coarsest resolution up to `max_resolution_ms` is taken; what it does
  // not cover comes from finer blocks, like in Thanos.
  std::vector<SelectedBlock> Select(int64_t min_time_ms, int64_t max_time_ms, int64_t max_resolution_ms,
                                    const std::vector<labels::Matcher>& matchers) const;
  // A warning for each unloaded block that might have answered.
  std::vector<std::string> MissingBlocks(int64_t min_time_ms, int64_t max_time_ms,
                                         const std::vector<labels::Matcher>& matchers) const;

  // Distinct external label sets, time range and one entry per label set and gapless run of blocks, unloaded
  // ones included.
  storeapi::StoreInfo Describe() const;
  const std::map<model::Ulid, std::shared_ptr<BucketBlock>>& blocks() const { return blocks_; }
  const std::map<model::Ulid, UnloadedBlock>& unloaded() const { return unloaded_; }

 private:
  // Coarse to fine, as in a request's walk.
  static constexpr std::array<int64_t, 3> kResolutions = {3'600'000, 300'000, 0};
  struct Group {
    labels::Labels external_labels;
    // By min time, per resolution.
    std::array<std::vector<std::shared_ptr<BucketBlock>>, kResolutions.size()> blocks;
  };
  static void SelectFrom(const Group& group, int64_t min_time_ms, int64_t max_time_ms,
                         int64_t max_resolution_ms, std::vector<std::shared_ptr<BucketBlock>>* selected);

  std::map<model::Ulid, std::shared_ptr<BucketBlock>> blocks_;
  std::map<model::Ulid, UnloadedBlock> unloaded_;
  std::vector<Group> groups_;
};

// Removes from `matchers` those that `external` decides. Null: one of them is not satisfied.
std::shared_ptr<const std::vector<labels::Matcher>> MatchersForBlock(
    const std::vector<labels::Matcher>& matchers, labels::LabelSpan external);

}  // namespace thanos::bucketstore::internal
