#pragma once

// Metas for tests, without blocks behind them.

#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "block/filters.h"
#include "block/meta.h"
#include "compact/grouping.h"
#include "labels/labels.h"

namespace thanos::compact {

inline constexpr int64_t kHourMs = 3'600'000;

// ULIDs "1", "2", ... of tests; their time is far in the past.
inline model::Ulid TestUlid(uint64_t number) {
  return model::Ulid::FromParts(1'000'000, 0, number);
}

struct TestMeta {
  uint64_t number = 0;
  int64_t min_ms = 0;
  int64_t max_ms = 0;
  int64_t resolution_ms = 0;
  labels::Labels labels{{"cluster", "x"}};
  std::vector<uint64_t> sources{};  // none: the block itself
  uint64_t num_series = 100;
  uint64_t num_tombstones = 0;
  bool failed = false;
  int64_t index_bytes = 0;  // 0: meta.json does not tell
};

inline MetaPtr MakeMeta(const TestMeta& test) {
  auto meta = std::make_shared<block::Meta>();
  meta->ulid = TestUlid(test.number);
  meta->min_time_ms = test.min_ms;
  meta->max_time_ms = test.max_ms;
  meta->stats.num_samples = 1;
  meta->stats.num_series = test.num_series;
  meta->stats.num_tombstones = test.num_tombstones;
  meta->compaction.level = 1;
  meta->compaction.failed = test.failed;
  for (const uint64_t source : test.sources) {
    meta->compaction.sources.push_back(TestUlid(source));
  }
  if (test.sources.empty()) {
    meta->compaction.sources = {meta->ulid};
  }
  block::ThanosSection& thanos = meta->thanos.emplace();
  thanos.labels = test.labels;
  thanos.resolution_ms = test.resolution_ms;
  thanos.source = block::kSourceSidecar;
  if (test.index_bytes != 0) {
    block::BlockFile index;
    index.rel_path = block::kIndexFileName;
    index.size_bytes = test.index_bytes;
    thanos.files.push_back(index);
  }
  return meta;
}

inline block::MetaMap MakeMetas(const std::vector<TestMeta>& tests) {
  block::MetaMap metas;
  for (const TestMeta& test : tests) {
    metas.emplace(TestUlid(test.number), MakeMeta(test));
  }
  return metas;
}

inline std::vector<MetaPtr> MakeList(const std::vector<TestMeta>& tests) {
  std::vector<MetaPtr> metas;
  for (const TestMeta& test : tests) {
    metas.push_back(MakeMeta(test));
  }
  SortByMinTime(&metas);
  return metas;
}

// The numbers of blocks made from TestMeta.
inline uint64_t NumberOf(const model::Ulid& ulid) {
  uint64_t number = 0;
  for (size_t i = 8; i < ulid.bytes().size(); ++i) {
    number = number << 8 | ulid.bytes()[i];
  }
  return number;
}

inline std::vector<uint64_t> NumbersOf(const std::vector<MetaPtr>& metas) {
  std::vector<uint64_t> numbers;
  for (const MetaPtr& meta : metas) {
    numbers.push_back(NumberOf(meta->ulid));
  }
  return numbers;
}

}  // namespace thanos::compact
