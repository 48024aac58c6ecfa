#pragma once

// Which blocks may become one: those with the same external labels and resolution.

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "block/filters.h"
#include "block/meta.h"
#include "labels/labels.h"

namespace thanos::compact {

using MetaPtr = std::shared_ptr<const block::Meta>;

struct Group {
  // "<resolution>@<hash of the labels>", as Thanos names groups and their working directories.
  std::string key;
  labels::Labels labels;
  int64_t resolution_ms = 0;
  std::vector<MetaPtr> blocks;  // by SortByMinTime
};

// "0@1234", from resolution and external labels.
std::string GroupKey(const block::Meta& meta);

// By min time; blocks that begin together by max time, then by ULID.
void SortByMinTime(std::vector<MetaPtr>* blocks);

// Groups in the order of their labels and resolutions. Keys are unique, also if hashes collide.
std::vector<Group> GroupBlocks(const block::MetaMap& metas);

}  // namespace thanos::compact
