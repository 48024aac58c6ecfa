#include "bucketstore/internal/block_set.h"

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "objstore/fake.h"

namespace thanos::bucketstore::internal {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;
using ::testing::SizeIs;

class BlockSetTest : public ::testing::Test {
 protected:
  model::Ulid UlidOf(uint64_t number) { return model::Ulid::FromParts(1000, 0, number); }
  void Add(uint64_t number, int64_t min_time_ms, int64_t max_time_ms, int64_t resolution_ms,
           labels::Labels external = labels::Labels({{"cluster", "a"}})) {
    auto meta = std::make_shared<block::Meta>();
    meta->ulid = UlidOf(number);
    meta->min_time_ms = min_time_ms;
    meta->max_time_ms = max_time_ms;
    meta->thanos.emplace().labels = std::move(external);
    meta->thanos->resolution_ms = resolution_ms;
    blocks_.push_back(std::make_shared<BucketBlock>(std::move(meta), bucket_, options_, metrics_));
  }
  std::vector<uint64_t> Select(int64_t min_time_ms, int64_t max_time_ms, int64_t max_resolution_ms,
                               const std::vector<labels::Matcher>& matchers = {}) {
    const BlockSet set(blocks_, {});
    std::vector<uint64_t> numbers;
    for (const SelectedBlock& selected : set.Select(min_time_ms, max_time_ms, max_resolution_ms, matchers)) {
      for (uint64_t number = 0; number < 20; ++number) {
        if (selected.block->meta().ulid == UlidOf(number)) {
          numbers.push_back(number);
        }
      }
    }
    return numbers;
  }

  objstore::MemoryBucket bucket_;
  Options options_;
  Metrics metrics_{telemetry::NullRegistry()};
  std::vector<std::shared_ptr<BucketBlock>> blocks_;
};

TEST_F(BlockSetTest, BlocksAreHalfOpenAndRequestsClosed) {
  Add(1, 0, 100, 0);
  Add(2, 100, 200, 0);
  EXPECT_THAT(Select(0, 99, 0), ElementsAre(1));
  EXPECT_THAT(Select(0, 100, 0), ElementsAre(1, 2));
  EXPECT_THAT(Select(100, 150, 0), ElementsAre(2));
  EXPECT_THAT(Select(200, 300, 0), IsEmpty());
}

TEST_F(BlockSetTest, TakesTheCoarsestResolutionAndFillsGaps) {
  Add(1, 0, 100, 0);
  Add(2, 100, 200, 0);
  Add(3, 200, 300, 0);
  Add(4, 100, 200, 300'000);
  Add(5, 0, 100, 300'000);
  Add(6, 0, 100, 3'600'000);
  EXPECT_THAT(Select(0, 299, 0), ElementsAre(1, 2, 3));
  EXPECT_THAT(Select(0, 299, 300'000), ElementsAre(3, 4, 5));
  EXPECT_THAT(Select(0, 299, 3'600'000), ElementsAre(3, 4, 6));
  EXPECT_THAT(Select(150, 299, 3'600'000), ElementsAre(3, 4));
}

TEST_F(BlockSetTest, ExternalLabelsDecideMatchers) {
  Add(1, 0, 100, 0, labels::Labels({{"cluster", "a"}}));
  Add(2, 0, 100, 0, labels::Labels({{"cluster", "b"}}));
  EXPECT_THAT(Select(0, 99, 0, {labels::Matcher::Equal("cluster", "b")}), ElementsAre(2));
  EXPECT_THAT(Select(0, 99, 0, {labels::Matcher::NotEqual("cluster", "b")}), ElementsAre(1));
  EXPECT_THAT(Select(0, 99, 0, {labels::Matcher::Equal("other", "b")}), ElementsAre(1, 2));
  EXPECT_THAT(*MatchersForBlock({labels::Matcher::Equal("cluster", "a"), labels::Matcher::Equal("x", "y")},
                                labels::Labels({{"cluster", "a"}})),
              ElementsAre(labels::Matcher::Equal("x", "y")));
}

TEST_F(BlockSetTest, DescribesLabelSetsAndGaplessRanges) {
  Add(1, 0, 100, 0);
  Add(2, 100, 200, 0);
  Add(3, 500, 600, 0);
  Add(4, 0, 50, 0, labels::Labels({{"cluster", "b"}}));
  const storeapi::StoreInfo info = BlockSet(blocks_, {}).Describe();
  EXPECT_THAT(info.label_sets,
              ElementsAre(labels::Labels({{"cluster", "a"}}), labels::Labels({{"cluster", "b"}})));
  EXPECT_EQ(info.min_time_ms, 0);
  EXPECT_EQ(info.max_time_ms, 600);
  ASSERT_THAT(info.tsdb_infos, SizeIs(3));
  EXPECT_EQ(info.tsdb_infos[0].max_time_ms, 200);
  EXPECT_EQ(info.tsdb_infos[1].min_time_ms, 500);
}

TEST_F(BlockSetTest, UnloadedBlocksAreNamedWhereTheyMatter) {
  auto meta = std::make_shared<block::Meta>();
  meta->ulid = UlidOf(7);
  meta->max_time_ms = 100;
  meta->thanos.emplace().labels = labels::Labels({{"cluster", "a"}});
  const BlockSet set(
      {}, {{UlidOf(7), {meta, base::DataLoss("broken")}}, {UlidOf(8), {nullptr, base::DataLoss("no meta")}}});
  EXPECT_THAT(set.MissingBlocks(0, 10, {}), SizeIs(2));
  EXPECT_THAT(set.MissingBlocks(100, 110, {}), SizeIs(1));
  EXPECT_THAT(set.MissingBlocks(0, 10, {labels::Matcher::Equal("cluster", "b")}), SizeIs(1));
  // A querier that chooses stores by what they announce must find the way to these warnings.
  const storeapi::StoreInfo info = set.Describe();
  EXPECT_THAT(info.label_sets, SizeIs(1));
  EXPECT_EQ(info.max_time_ms, 100);
}

}  // namespace
}  // namespace thanos::bucketstore::internal
