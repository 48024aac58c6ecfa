#include "compact/syncer.h"

#include <gtest/gtest.h>

#include "compact/test_metas.h"
#include "objstore/fake.h"

namespace thanos::compact {
namespace {

constexpr int64_t kNowMs = 1'700'000'000'000;

class SyncerTest : public ::testing::Test {
 protected:
  // Puts meta.json, and an index of the size the meta tells.
  void Put(const TestMeta& test) {
    const MetaPtr meta = MakeMeta(test);
    const std::string id = meta->ulid.ToString();
    ASSERT_TRUE(
        bucket_.Upload({}, id + "/index", std::string(static_cast<size_t>(test.index_bytes), 'i')).ok());
    ASSERT_TRUE(bucket_.Upload({}, id + "/meta.json", block::FormatMeta(*meta)).ok());
  }
  void MarkForDeletion(uint64_t number, int64_t age_ms) {
    const block::DeletionMark mark{TestUlid(number), "", (kNowMs - age_ms) / 1000};
    ASSERT_TRUE(block::WriteMark({}, bucket_, mark).ok());
  }
  std::unique_ptr<Syncer> MakeSyncer(objstore::Bucket& bucket, std::vector<std::string> replica_labels = {}) {
    return std::make_unique<Syncer>(
        SyncerOptions{.replica_labels = std::move(replica_labels), .delete_delay_ms = 10 * kHourMs}, bucket,
        pool_, clock_, *metrics_, std::vector<std::unique_ptr<block::BlockFilter>>());
  }
  static std::vector<uint64_t> Numbers(const block::MetaMap& metas) {
    std::vector<uint64_t> numbers;
    for (const auto& entry : metas) {
      numbers.push_back(NumberOf(entry.first));
    }
    return numbers;
  }
  bool IsMarked(uint64_t number) {
    return block::ReadDeletionMark({}, bucket_, TestUlid(number))->has_value();
  }

  objstore::MemoryBucket bucket_;
  concurrency::ThreadPool pool_{"test", 4};
  base::FakeClock clock_{kNowMs};
  std::unique_ptr<telemetry::Registry> metrics_ = telemetry::Registry::Create();
  Marker marker_{bucket_, clock_, *metrics_};
};

TEST_F(SyncerTest, KeepsRecentlyMarkedBlocksInUse) {
  Put({.number = 1, .min_ms = 0, .max_ms = 20});
  Put({.number = 2, .min_ms = 20, .max_ms = 40});
  Put({.number = 3, .min_ms = 40, .max_ms = 60});
  MarkForDeletion(2, 4 * kHourMs);
  MarkForDeletion(3, 6 * kHourMs);
  const auto view = MakeSyncer(bucket_)->Sync({});
  ASSERT_TRUE(view.ok()) << view.status();
  EXPECT_EQ(Numbers((*view)->blocks), (std::vector<uint64_t>{1, 2}));
  EXPECT_EQ((*view)->marks.deletion.size(), 2);
}

TEST_F(SyncerTest, CollectsOtherMarks) {
  Put({.number = 1, .min_ms = 0, .max_ms = 20});
  Put({.number = 2, .min_ms = 20, .max_ms = 40});
  ASSERT_TRUE(marker_.ForNoCompaction({}, TestUlid(1), "manual", "").ok());
  ASSERT_TRUE(marker_.ForNoDownsampling({}, TestUlid(2), "manual", "").ok());
  const auto view = MakeSyncer(bucket_)->Sync({});
  ASSERT_TRUE(view.ok()) << view.status();
  EXPECT_EQ((*view)->NoCompaction(), std::set<model::Ulid>{TestUlid(1)});
  EXPECT_EQ((*view)->NoDownsampling(), std::set<model::Ulid>{TestUlid(2)});
}

TEST_F(SyncerTest, DropsReplicaLabels) {
  Put({.number = 1, .labels = labels::Labels({{"cluster", "x"}, {"replica", "a"}})});
  Put({.number = 2, .labels = labels::Labels({{"replica", "a"}})});
  const auto view = MakeSyncer(bucket_, {"replica", "prometheus"})->Sync({});
  ASSERT_TRUE(view.ok()) << view.status();
  const auto labels_of = [&](uint64_t number) {
    return labels::Labels((*view)->blocks.at(TestUlid(number))->external_labels());
  };
  EXPECT_EQ(labels_of(1), labels::Labels({{"cluster", "x"}}));
  EXPECT_EQ(labels_of(2), labels::Labels({{"replica", "deduped"}}));
}

TEST_F(SyncerTest, MarksCoveredBlocks) {
  Put({.number = 1, .min_ms = 0, .max_ms = 20});
  Put({.number = 2, .min_ms = 20, .max_ms = 40});
  Put({.number = 3, .min_ms = 0, .max_ms = 40, .sources = {1, 2}, .index_bytes = 5});
  Put({.number = 4, .min_ms = 0, .max_ms = 40, .resolution_ms = 300'000, .sources = {1}});
  MarkForDeletion(2, 0);
  const auto syncer = MakeSyncer(bucket_);
  const auto view = syncer->Sync({});
  ASSERT_TRUE(view.ok()) << view.status();
  EXPECT_EQ(Numbers((*view)->blocks), (std::vector<uint64_t>{3, 4}));
  EXPECT_EQ((*view)->garbage.size(), 1);
  ASSERT_TRUE(syncer->CollectGarbage({}, **view, marker_).ok());
  EXPECT_TRUE(IsMarked(1));
  EXPECT_FALSE(IsMarked(3));
  EXPECT_FALSE(IsMarked(4));
  EXPECT_NE(metrics_->Expose().find("thanos_compact_garbage_collected_blocks_total 1"), std::string::npos);
}

// P5: what seems to be a replacement may be one in name only.
TEST_F(SyncerTest, KeepsCoveredBlocksWhenTheCoveringOneIsNotWhole) {
  Put({.number = 1, .min_ms = 0, .max_ms = 20});
  Put({.number = 2, .min_ms = 0, .max_ms = 40, .sources = {1, 7}, .index_bytes = 5});
  ASSERT_TRUE(bucket_.Upload({}, TestUlid(2).ToString() + "/index", "ind").ok());
  const auto syncer = MakeSyncer(bucket_);
  auto view = syncer->Sync({});
  ASSERT_TRUE(view.ok()) << view.status();
  EXPECT_EQ(syncer->CollectGarbage({}, **view, marker_).code(), base::StatusCode::kDataLoss);
  EXPECT_FALSE(IsMarked(1));
  // Nor does a block replace others that is about to go itself.
  ASSERT_TRUE(bucket_.Upload({}, TestUlid(2).ToString() + "/index", "index").ok());
  MarkForDeletion(2, 0);
  view = syncer->Sync({});
  ASSERT_TRUE(view.ok()) << view.status();
  EXPECT_TRUE(syncer->CollectGarbage({}, **view, marker_).ok());
  EXPECT_FALSE(IsMarked(1));
}

TEST_F(SyncerTest, AnIncompleteViewIsAnError) {
  Put({.number = 1, .min_ms = 0, .max_ms = 20});
  for (const std::string_view part : {"meta.json", "deletion-mark.json", "no-compact-mark.json"}) {
    objstore::FaultBucket faulty(bucket_, [&](const objstore::BucketCall& call) {
      return objstore::Fault{.error =
                                 call.name.ends_with(part) ? base::Unavailable("away") : base::OkStatus()};
    });
    EXPECT_EQ(MakeSyncer(faulty)->Sync({}).status().code(), base::StatusCode::kUnavailable) << part;
  }
}

TEST_F(SyncerTest, DamagedMetasAreNotPartialUploads) {
  Put({.number = 1, .min_ms = 0, .max_ms = 20});
  ASSERT_TRUE(bucket_.Upload({}, TestUlid(1).ToString() + "/meta.json", "{").ok());
  ASSERT_TRUE(bucket_.Upload({}, TestUlid(2).ToString() + "/index", "x").ok());
  const auto view = MakeSyncer(bucket_)->Sync({});
  ASSERT_TRUE(view.ok()) << view.status();
  EXPECT_TRUE((*view)->blocks.empty());
  EXPECT_EQ((*view)->partial, std::vector<model::Ulid>{TestUlid(2)});
}

}  // namespace
}  // namespace thanos::compact
