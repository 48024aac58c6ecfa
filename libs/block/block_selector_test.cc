#include <set>

#include "block/filters.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace thanos::block {
namespace {

using ::testing::HasSubstr;

constexpr uint64_t kNumBlocks = 200;

model::Ulid UlidOf(uint64_t number) {
  return model::Ulid::FromParts(1'000'000, 0, number);
}

MetaMap Blocks() {
  MetaMap metas;
  for (uint64_t i = 0; i < kNumBlocks; ++i) {
    auto meta = std::make_shared<Meta>();
    meta->ulid = UlidOf(i);
    meta->thanos.emplace().labels = labels::Labels({{"cluster", i % 2 == 0 ? "a" : "b"}});
    metas.emplace(meta->ulid, std::move(meta));
  }
  return metas;
}

std::set<model::Ulid> KeptBy(std::string_view yaml) {
  const auto filter = ParseBlockSelector(yaml);
  EXPECT_TRUE(filter.ok()) << filter.status();
  MetaMap metas = Blocks();
  StateCounts counts;
  if (*filter != nullptr) {
    EXPECT_TRUE((*filter)->Filter({}, &metas, &counts).ok());
    EXPECT_EQ(counts["label-excluded"], static_cast<int64_t>(kNumBlocks - metas.size()));
  }
  std::set<model::Ulid> kept;
  for (const auto& entry : metas) {
    kept.insert(entry.first);
  }
  return kept;
}

TEST(BlockSelectorTest, ChoosesByExternalLabels) {
  EXPECT_EQ(KeptBy("").size(), kNumBlocks);
  EXPECT_EQ(KeptBy("- {action: keep, source_labels: [cluster], regex: a}").size(), kNumBlocks / 2);
  EXPECT_EQ(KeptBy("- {action: drop, source_labels: [cluster], regex: a|b}").size(), 0U);
  EXPECT_THAT(KeptBy("- {action: keep, source_labels: [__block_id], regex: " + UlidOf(7).ToString() + "}"),
              ::testing::ElementsAre(UlidOf(7)));
}

TEST(BlockSelectorTest, ShardsAreDisjointAndComplete) {
  std::set<model::Ulid> all;
  size_t sum = 0;
  for (int shard = 0; shard < 3; ++shard) {
    const auto kept = KeptBy(
        base::Concat("- {action: hashmod, source_labels: [__block_id], target_label: shard, modulus: 3}\n"
                     "- {action: keep, source_labels: [shard], regex: ",
                     shard, "}\n"));
    EXPECT_GT(kept.size(), kNumBlocks / 6);
    sum += kept.size();
    all.insert(kept.begin(), kept.end());
  }
  EXPECT_EQ(sum, kNumBlocks);
  EXPECT_EQ(all.size(), kNumBlocks);
}

TEST(BlockSelectorTest, RefusesOtherActions) {
  const base::Status status =
      ParseBlockSelector("- {action: replace, target_label: a, replacement: b}").status();
  EXPECT_THAT(base::Message(status), HasSubstr("unsupported relabel action: replace"));
}

}  // namespace
}  // namespace thanos::block
