#include "compact/cleaner.h"

#include <gtest/gtest.h>

#include "compact/test_metas.h"
#include "objstore/fake.h"

namespace thanos::compact {
namespace {

class CleanerTest : public ::testing::Test {
 protected:
  void Put(uint64_t number, std::string_view name, std::string_view content = "x") {
    ASSERT_TRUE(bucket_.Upload({}, base::Concat(TestUlid(number).ToString(), "/", name), content).ok());
  }
  void PutBlock(uint64_t number) {
    Put(number, "chunks/000001");
    Put(number, "index");
    Put(number, "meta.json", block::FormatMeta(*MakeMeta({.number = number})));
  }
  void Mark(uint64_t number, int64_t age_ms) {
    const block::DeletionMark mark{TestUlid(number), "", (clock_.NowMs() - age_ms) / 1000};
    ASSERT_TRUE(block::WriteMark({}, bucket_, mark).ok());
  }
  size_t NumObjects(uint64_t number) {
    size_t count = 0;
    EXPECT_TRUE(bucket_
                    .List({}, TestUlid(number).ToString(), {.recursive = true},
                          [&](const objstore::ListEntry&) {
                            ++count;
                            return base::OkStatus();
                          })
                    .ok());
    return count;
  }
  std::shared_ptr<const BucketView> View(objstore::Bucket& bucket) {
    Syncer syncer({.delete_delay_ms = kDelayMs}, bucket, pool_, clock_, *metrics_, {});
    auto view = syncer.Sync({});
    EXPECT_TRUE(view.ok()) << view.status();
    return *view;
  }

  static constexpr int64_t kDelayMs = 10 * kHourMs;
  objstore::MemoryBucket bucket_;
  concurrency::ThreadPool pool_{"test", 4};
  base::FakeClock clock_{base::SystemClock().NowMs()};  // objects are as old as the system's clock says
  std::unique_ptr<telemetry::Registry> metrics_ = telemetry::Registry::Create();
  Cleaner cleaner_{kDelayMs, bucket_, pool_, clock_, *metrics_};
};

TEST_F(CleanerTest, DeletesWhatWasMarkedLongEnough) {
  PutBlock(1);
  PutBlock(2);
  PutBlock(3);
  Mark(1, kDelayMs + 2000);
  Mark(2, kDelayMs - 2000);
  ASSERT_TRUE(cleaner_.DeleteMarked({}, *View(bucket_)).ok());
  EXPECT_EQ(NumObjects(1), 0);
  EXPECT_EQ(NumObjects(2), 4);
  EXPECT_EQ(NumObjects(3), 3);
  EXPECT_NE(metrics_->Expose().find("thanos_compact_blocks_cleaned_total 1"), std::string::npos);
}

TEST_F(CleanerTest, ABlockWhoseMarkWasTakenAwayStays) {
  PutBlock(1);
  Mark(1, 2 * kDelayMs);
  const auto view = View(bucket_);
  ASSERT_TRUE(bucket_.Delete({}, TestUlid(1).ToString() + "/deletion-mark.json").ok());
  ASSERT_TRUE(cleaner_.DeleteMarked({}, *view).ok());
  EXPECT_EQ(NumObjects(1), 3);
}

// P4: at each moment of a deletion the block is whole or invisible, and what is left is recognised.
TEST_F(CleanerTest, DeletionInterruptedAnywhereIsFinishedLater) {
  for (int64_t stop_at = 0;; ++stop_at) {
    SCOPED_TRACE(stop_at);
    PutBlock(1);
    Mark(1, 2 * kDelayMs);
    const auto view = View(bucket_);
    bool stopped = false;
    objstore::FaultBucket faulty(bucket_, [&](const objstore::BucketCall& call) {
      stopped = stopped || call.number >= stop_at;
      return objstore::Fault{.error =
                                 call.number >= stop_at ? base::Unavailable("stopped") : base::OkStatus()};
    });
    Cleaner interrupted(kDelayMs, faulty, pool_, clock_, *metrics_);
    const bool done = interrupted.DeleteMarked({}, *view).ok();
    EXPECT_NE(done, stopped);
    if (!done) {
      const bool visible = *bucket_.Exists({}, block::MetaPath(TestUlid(1)));
      const size_t left = NumObjects(1);
      EXPECT_TRUE(visible ? left == 4 : left < 4);
      EXPECT_TRUE(*bucket_.Exists({}, TestUlid(1).ToString() + "/deletion-mark.json"));
      const auto later = View(bucket_);
      ASSERT_TRUE(cleaner_.DeleteMarked({}, *later).ok());
      cleaner_.DeletePartial({}, *later);
    }
    EXPECT_EQ(NumObjects(1), 0);
    if (done) {
      break;
    }
    ASSERT_LT(stop_at, 100);
  }
}

TEST_F(CleanerTest, DeletesPartialUploadsWhenTheyAreOld) {
  Put(1, "index");
  Put(1, "chunks/000001");
  cleaner_.DeletePartial({}, *View(bucket_));
  EXPECT_EQ(NumObjects(1), 2);
  clock_.Advance(kPartialUploadAgeMs + 1000);
  cleaner_.DeletePartial({}, *View(bucket_));
  EXPECT_EQ(NumObjects(1), 0);
  EXPECT_NE(metrics_->Expose().find("thanos_compact_aborted_partial_uploads_deletion_attempts_total 1"),
            std::string::npos);
}

TEST_F(CleanerTest, AYoungMarkProtectsWhatIsLeftOfABlock) {
  Put(1, "index");
  clock_.Advance(2 * kPartialUploadAgeMs);
  Mark(1, kDelayMs / 2);
  cleaner_.DeletePartial({}, *View(bucket_));
  EXPECT_EQ(NumObjects(1), 2);
}

// A wrong answer about meta.json must not cost a block.
TEST_F(CleanerTest, ABlockWhoseMetaWasNotSeenOnceStays) {
  PutBlock(1);
  clock_.Advance(2 * kPartialUploadAgeMs);
  BucketView view;
  view.partial = {TestUlid(1)};
  cleaner_.DeletePartial({}, view);
  EXPECT_EQ(NumObjects(1), 3);
}

TEST(RetentionTest, MarksBlocksOfEachResolutionOnItsOwn) {
  objstore::MemoryBucket bucket;
  const base::FakeClock clock(1000 * kHourMs);
  const auto metrics = telemetry::Registry::Create();
  Marker marker(bucket, clock, *metrics);
  BucketView view;
  view.blocks = MakeMetas({{.number = 1, .min_ms = 0, .max_ms = 899 * kHourMs},
                           {.number = 2, .min_ms = 0, .max_ms = 900 * kHourMs},
                           {.number = 3, .min_ms = 0, .max_ms = 899 * kHourMs, .resolution_ms = 300'000},
                           {.number = 4, .min_ms = 0, .max_ms = 499 * kHourMs, .resolution_ms = 300'000},
                           {.number = 5, .min_ms = 0, .max_ms = 1, .resolution_ms = 3'600'000}});
  const RetentionMs retention = {{0, 100 * kHourMs}, {300'000, 500 * kHourMs}, {3'600'000, 0}};
  ASSERT_TRUE(MarkExpired({}, retention, view, clock.NowMs(), marker).ok());
  for (const uint64_t number : {1, 2, 3, 4, 5}) {
    const auto mark = block::ReadDeletionMark({}, bucket, TestUlid(number));
    ASSERT_TRUE(mark.ok());
    EXPECT_EQ(mark->has_value(), number == 1 || number == 4) << number;
  }
}

TEST(RetentionTest, MustLeaveTimeForDownsampling) {
  const int64_t day_ms = 24 * kHourMs;
  EXPECT_TRUE(CheckRetention({{0, 40 * kHourMs}, {300'000, 10 * day_ms}}, true).ok());
  EXPECT_TRUE(CheckRetention({{0, 0}, {300'000, 0}}, true).ok());
  EXPECT_FALSE(CheckRetention({{0, 39 * kHourMs}}, true).ok());
  EXPECT_FALSE(CheckRetention({{0, 0}, {300'000, 9 * day_ms}}, true).ok());
  EXPECT_TRUE(CheckRetention({{0, kHourMs}, {300'000, kHourMs}}, false).ok());
}

}  // namespace
}  // namespace thanos::compact
