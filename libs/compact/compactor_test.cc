#include "compact/compactor.h"

#include <cstdlib>
#include <filesystem>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include "block/test_block.h"
#include "compact/planner.h"
#include "compact/test_contents.h"
#include "compact/test_metas.h"
#include "downsample/downsample.h"
#include "objstore/fake.h"
#include "shipper/block_upload.h"

namespace thanos::compact {
namespace {

using ::testing::HasSubstr;
namespace fs = std::filesystem;

struct PutOptions {
  labels::Labels labels{{"cluster", "x"}};
  int64_t step_ms = 60'000;
  int64_t offset_ms = 0;  // of the samples
  int num_series = 3;
};

class CompactorTest : public ::testing::Test {
 protected:
  void SetUp() override {
    // Thousands of synced files: in memory where that is to be had.
    directory_ = (access("/dev/shm", W_OK) == 0 ? std::string("/dev/shm") : ::testing::TempDir()) +
                 "/compactor-XXXXXX";
    ASSERT_NE(mkdtemp(directory_.data()), nullptr);
    options_.data_directory = directory_ + "/data";
    options_.ranges_ms = *CompactionRanges(4);
    options_.delete_delay_ms = 48 * kHourMs;
  }
  void TearDown() override { fs::remove_all(directory_); }

  // A block of [from, to) hours.
  void Put(uint64_t number, int64_t from_h, int64_t to_h, const PutOptions& options = {}) {
    block::TestBlock test{TestUlid(number), options.labels, {}};
    for (int i = 0; i < options.num_series; ++i) {
      const std::string name = base::Concat("s", i);
      test.series.push_back(
          {labels::Labels({{"__name__", name}}),
           block::Ramp(from_h * kHourMs + i + options.offset_ms, to_h * kHourMs, options.step_ms)});
    }
    auto meta = block::WriteTestBlock(directory_, test);
    ASSERT_TRUE(meta.ok()) << meta.status();
    meta->min_time_ms = from_h * kHourMs;
    meta->max_time_ms = to_h * kHourMs;
    const std::string local = base::Concat(directory_, "/", TestUlid(number).ToString());
    ASSERT_TRUE(shipper::DescribeFiles(local, false, &*meta).ok());
    ASSERT_TRUE(block::WriteMetaFile(local, *meta).ok());
    ASSERT_TRUE(block::UploadTestBlock(bucket_, directory_, TestUlid(number)).ok());
    fs::remove_all(local);
  }

  // One iteration of a new process over `bucket`.
  IterationResult Iterate(objstore::Bucket& bucket, const base::CancelToken& cancel = {},
                          std::vector<std::string> replica_labels = {}) {
    Syncer syncer({.fetch = {.cache_directory = options_.data_directory + "/meta-syncer", .concurrency = 2},
                   .replica_labels = std::move(replica_labels),
                   .delete_delay_ms = options_.delete_delay_ms},
                  bucket, io_pool_, clock_, *metrics_, {});
    Compactor compactor(options_, bucket, syncer, io_pool_, cpu_pool_, clock_, *metrics_);
    return compactor.Iterate(cancel);
  }

  BucketContents Contents(block::MetaMap* blocks = nullptr) {
    auto contents = ReadContents(bucket_, directory_ + "/contents", blocks);
    EXPECT_TRUE(contents.ok()) << contents.status();
    return contents.ok() ? *std::move(contents) : BucketContents();
  }
  // "<resolution>:<from>-<to>" in hours of all blocks in use.
  std::vector<std::string> Blocks() {
    block::MetaMap metas;
    Contents(&metas);
    std::vector<std::string> texts;
    for (const auto& [ulid, meta] : metas) {
      texts.push_back(base::Concat(meta->resolution_ms() / 1000, ":", meta->min_time_ms / kHourMs, "-",
                                   meta->max_time_ms / kHourMs));
    }
    std::sort(texts.begin(), texts.end());
    return texts;
  }
  std::string NoCompactReason(uint64_t number) {
    const auto mark = block::ReadNoCompactMark({}, bucket_, TestUlid(number));
    return mark.ok() && *mark ? (*mark)->reason : "";
  }
  // Inverts one byte of the first chunk, or of the symbols of an index.
  void Damage(uint64_t number, std::string_view name) {
    const std::string path = base::Concat(TestUlid(number).ToString(), "/", name);
    const auto bytes = bucket_.Get({}, path);
    ASSERT_TRUE(bytes.ok());
    std::string content(bytes->bytes);
    content[20] = static_cast<char>(~content[20]);
    ASSERT_TRUE(bucket_.Upload({}, path, content).ok());
  }

  std::string directory_;
  objstore::MemoryBucket bucket_;
  concurrency::ThreadPool io_pool_{"io", 4};
  concurrency::ThreadPool cpu_pool_{"cpu", 2};
  base::FakeClock clock_{base::SystemClock().NowMs()};  // objects are as old as the system's clock says
  std::unique_ptr<telemetry::Registry> metrics_ = telemetry::Registry::Create();
  CompactorOptions options_;
};

TEST_F(CompactorTest, CompactsAndDownsamplesUntilNothingIsLeft) {
  for (int64_t i = 0; i < 24; ++i) {
    Put(static_cast<uint64_t>(i + 1), 2 * i, 2 * i + 2);
  }
  Put(25, 48, 50);
  Put(26, 50, 52);
  const BucketContents before = Contents();
  IterationResult result = Iterate(bucket_);
  ASSERT_TRUE(result.status.ok()) << result.status;
  EXPECT_EQ(Blocks(), (std::vector<std::string>{"0:0-48", "0:48-50", "0:50-52", "300:0-48"}));
  const BucketContents after = Contents();
  EXPECT_EQ(before.at(0), after.at(0));
  uint64_t num_counted = 0;
  for (const auto& [series, windows] : after.at(300'000)) {
    for (const auto& [time_ms, count] : windows) {
      num_counted += static_cast<uint64_t>(std::bit_cast<double>(count));
    }
  }
  EXPECT_EQ(num_counted, 3 * 48 * 60);
  // Marked for deletion, with the result safe; the scratch is gone.
  EXPECT_TRUE(block::ReadDeletionMark({}, bucket_, TestUlid(1))->has_value());
  EXPECT_FALSE(fs::exists(options_.data_directory + "/compact"));
  EXPECT_FALSE(fs::exists(options_.data_directory + "/downsample"));
  // Nothing is left to do.
  const auto is_same = Blocks();
  result = Iterate(bucket_);
  ASSERT_TRUE(result.status.ok()) << result.status;
  EXPECT_EQ(Blocks(), is_same);
  EXPECT_THAT(metrics_->Expose(), HasSubstr("thanos_compact_group_compactions_total{resolution=\"0\"} 7"));
}

TEST_F(CompactorTest, WritesThanosMetas) {
  options_.with_hashes = true;
  Put(1, 0, 2);
  Put(2, 2, 4);
  Put(3, 8, 10);
  Put(4, 10, 12);
  ASSERT_TRUE(Iterate(bucket_).status.ok());
  block::MetaMap metas;
  Contents(&metas);
  const auto found = std::find_if(metas.begin(), metas.end(),
                                  [](const auto& entry) { return entry.second->compaction.level == 2; });
  ASSERT_NE(found, metas.end());
  const block::Meta& meta = *found->second;
  EXPECT_EQ(meta.compaction.sources, (std::vector<model::Ulid>{TestUlid(1), TestUlid(2)}));
  EXPECT_EQ(meta.compaction.parents.size(), 2);
  EXPECT_EQ(meta.thanos->source, block::kSourceCompactor);
  EXPECT_EQ(meta.thanos->labels, labels::Labels({{"cluster", "x"}}));
  EXPECT_EQ(meta.thanos->segment_files, std::vector<std::string>{"000001"});
  ASSERT_EQ(meta.thanos->files.size(), 3);
  EXPECT_EQ(meta.thanos->files[0].rel_path, "chunks/000001");
  EXPECT_EQ(meta.thanos->files[0].hash_value.size(), 64);
  EXPECT_EQ(meta.thanos->files[2].rel_path, "meta.json");
  EXPECT_GT(meta.thanos->series_max_bytes, 0);
  EXPECT_FALSE(meta.thanos->upload_time.empty());
}

TEST_F(CompactorTest, MergesReplicas) {
  for (const MergeFunction function : {MergeFunction::kOneToOne, MergeFunction::kPenalty}) {
    SCOPED_TRACE(static_cast<int>(function));
    const std::string cluster = function == MergeFunction::kPenalty ? "p" : "o";
    const uint64_t first = function == MergeFunction::kPenalty ? 10 : 1;
    Put(first, 0, 2, {.labels = labels::Labels({{"cluster", cluster}, {"replica", "a"}})});
    Put(first + 1, 0, 2,
        {.labels = labels::Labels({{"cluster", cluster}, {"replica", "b"}}), .offset_ms = 10'000});
    options_.vertical = true;
    options_.merge_function = function;
    const IterationResult result = Iterate(bucket_, {}, {"replica"});
    ASSERT_TRUE(result.status.ok()) << result.status;
    const auto samples = Contents().at(0).at(base::Concat("{cluster=\"", cluster, "\"}{__name__=\"s0\"}"));
    if (function == MergeFunction::kOneToOne) {
      EXPECT_EQ(samples.size(), 240);
    } else {
      EXPECT_NEAR(static_cast<double>(samples.size()), 120, 1);
    }
  }
}

TEST_F(CompactorTest, AnOverlapHaltsWhileOtherGroupsAreCompacted) {
  Put(1, 0, 2);
  Put(2, 1, 2);
  Put(3, 2, 4);
  const labels::Labels other({{"cluster", "y"}});
  Put(11, 0, 2, {.labels = other});
  Put(12, 2, 4, {.labels = other});
  Put(13, 8, 10, {.labels = other});
  Put(14, 10, 12, {.labels = other});
  const IterationResult result = Iterate(bucket_);
  EXPECT_TRUE(result.halt);
  EXPECT_THAT(std::string(base::Message(result.status)), HasSubstr(TestUlid(2).ToString()));
  for (const uint64_t number : {1, 2, 3}) {
    EXPECT_FALSE(block::ReadDeletionMark({}, bucket_, TestUlid(number))->has_value());
    EXPECT_EQ(NoCompactReason(number), "");
  }
  EXPECT_TRUE(block::ReadDeletionMark({}, bucket_, TestUlid(11))->has_value());
  EXPECT_THAT(metrics_->Expose(),
              HasSubstr("thanos_compact_group_compactions_failures_total{resolution=\"0\"} 1"));
}

struct BadBlockCase {
  std::string_view name;
  std::string_view damaged_object;  // none: an overlapping block
  std::string_view want_reason;
};

class QuarantineTest : public CompactorTest, public ::testing::WithParamInterface<BadBlockCase> {};

// Blocks 1 to 5 of two hours each, of which block 2 is bad.
TEST_P(QuarantineTest, SetsTheBadBlockAsideAndGoesOn) {
  options_.quarantine = true;
  for (uint64_t i = 0; i < 5; ++i) {
    Put(i + 1, static_cast<int64_t>(2 * i), static_cast<int64_t>(2 * i + 2));
  }
  if (GetParam().damaged_object.empty()) {
    Put(2, 1, 4, {.offset_ms = 30'000});
  } else {
    Damage(2, GetParam().damaged_object);
  }
  const IterationResult result = Iterate(bucket_);
  ASSERT_TRUE(result.status.ok()) << result.status;
  EXPECT_EQ(NoCompactReason(2), GetParam().want_reason);
  for (const uint64_t number : {1, 2, 5}) {
    EXPECT_FALSE(block::ReadDeletionMark({}, bucket_, TestUlid(number))->has_value()) << number;
  }
  for (const uint64_t number : {3, 4}) {
    EXPECT_TRUE(block::ReadDeletionMark({}, bucket_, TestUlid(number))->has_value()) << number;
  }
}

// By default the same blocks stop everything and nothing is touched.
TEST_P(QuarantineTest, IsOptIn) {
  for (uint64_t i = 0; i < 5; ++i) {
    Put(i + 1, static_cast<int64_t>(2 * i), static_cast<int64_t>(2 * i + 2));
  }
  if (GetParam().damaged_object.empty()) {
    Put(2, 1, 4, {.offset_ms = 30'000});
  } else {
    Damage(2, GetParam().damaged_object);
  }
  const IterationResult result = Iterate(bucket_);
  EXPECT_FALSE(result.status.ok());
  EXPECT_TRUE(result.halt) << result.status;
  EXPECT_THAT(std::string(base::Message(result.status)), HasSubstr(TestUlid(2).ToString()));
  EXPECT_EQ(NoCompactReason(2), "");
  EXPECT_FALSE(block::ReadDeletionMark({}, bucket_, TestUlid(1))->has_value());
}

INSTANTIATE_TEST_SUITE_P(Bad, QuarantineTest,
                         ::testing::Values(BadBlockCase{"overlap", "", block::kReasonOverlap},
                                           BadBlockCase{"chunks", "chunks/000001", block::kReasonDamaged},
                                           BadBlockCase{"index", "index", block::kReasonDamaged}),
                         [](const auto& param_info) { return std::string(param_info.param.name); });

TEST_F(QuarantineTest, AMissingChunkFileIsRetriedOrSetAside) {
  for (uint64_t i = 0; i < 5; ++i) {
    Put(i + 1, static_cast<int64_t>(2 * i), static_cast<int64_t>(2 * i + 2));
  }
  ASSERT_TRUE(bucket_.Delete({}, TestUlid(2).ToString() + "/chunks/000001").ok());
  IterationResult result = Iterate(bucket_);
  EXPECT_FALSE(result.status.ok());
  EXPECT_FALSE(result.halt);
  options_.quarantine = true;
  result = Iterate(bucket_);
  EXPECT_TRUE(result.status.ok()) << result.status;
  EXPECT_EQ(NoCompactReason(2), block::kReasonDamaged);
}

TEST_F(CompactorTest, ACopyDamagedOnTheWayIsFetchedAgain) {
  for (uint64_t i = 0; i < 5; ++i) {
    Put(i + 1, static_cast<int64_t>(2 * i), static_cast<int64_t>(2 * i + 2));
  }
  for (const std::string_view object : {"/index", "/chunks/000001"}) {
    SCOPED_TRACE(object);
    bool damaged = false;
    objstore::FaultBucket faulty(bucket_, [&](const objstore::BucketCall& call) {
      const bool now = !damaged && call.operation == objstore::BucketCall::Operation::kGetRange &&
                       call.name == TestUlid(2).ToString() + std::string(object);
      damaged = damaged || now;
      return objstore::Fault{.flip_byte = now ? 100 : -1};
    });
    const IterationResult result = Iterate(faulty);
    EXPECT_TRUE(result.status.ok()) << result.status;
  }
  EXPECT_EQ(Blocks(), (std::vector<std::string>{"0:0-8", "0:8-10"}));
}

TEST_F(CompactorTest, ABlockThatCannotBeDownsampledIsNoReasonToStop) {
  const labels::Labels other({{"cluster", "y"}});
  Put(1, 0, 48, {.step_ms = 600'000});
  Put(2, 0, 48, {.labels = other, .step_ms = 600'000});
  Damage(1, "chunks/000001");
  IterationResult result = Iterate(bucket_);
  EXPECT_EQ(result.status.code(), base::StatusCode::kDataLoss) << result.status;
  EXPECT_FALSE(result.halt);
  EXPECT_THAT(metrics_->Expose(), HasSubstr("thanos_compact_downsample_failures_total{resolution=\"0\"} 2"));
  EXPECT_THAT(metrics_->Expose(), HasSubstr("thanos_compact_downsample_total{resolution=\"0\"} 1"));
  options_.quarantine = true;
  result = Iterate(bucket_);
  EXPECT_TRUE(result.status.ok()) << result.status;
  const auto mark = block::ReadNoDownsampleMark({}, bucket_, TestUlid(1));
  ASSERT_TRUE(mark.ok() && mark->has_value());
  EXPECT_EQ((*mark)->reason, block::kReasonDamaged);
  EXPECT_TRUE(Iterate(bucket_).status.ok());
}

TEST_F(CompactorTest, DropsBlocksWithoutSamples) {
  Put(1, 0, 2, {.num_series = 0});
  Put(2, 2, 4, {.num_series = 0});
  Put(3, 8, 10);
  Put(4, 10, 12);
  const IterationResult result = Iterate(bucket_);
  ASSERT_TRUE(result.status.ok()) << result.status;
  EXPECT_TRUE(block::ReadDeletionMark({}, bucket_, TestUlid(1))->has_value());
  EXPECT_TRUE(block::ReadDeletionMark({}, bucket_, TestUlid(2))->has_value());
  EXPECT_FALSE(block::ReadDeletionMark({}, bucket_, TestUlid(3))->has_value());
}

TEST_F(CompactorTest, StopsWhenCancelledAnywhere) {
  for (int64_t stop_at = 0; stop_at < 400; stop_at += 13) {
    SCOPED_TRACE(stop_at);
    for (uint64_t i = 0; i < 5; ++i) {
      Put(i + 1, static_cast<int64_t>(2 * i), static_cast<int64_t>(2 * i + 2));
    }
    const BucketContents before = Contents();
    base::CancelSource source;
    objstore::FaultBucket watched(bucket_, [&](const objstore::BucketCall& call) {
      if (call.number == stop_at) {
        source.Cancel();
      }
      return objstore::Fault{};
    });
    const IterationResult result = Iterate(watched, source.token());
    EXPECT_FALSE(result.halt) << result.status;
    EXPECT_LE(watched.num_calls(), stop_at + 16);
    EXPECT_EQ(Contents().at(0), before.at(0));
    if (watched.num_calls() < stop_at) {
      break;
    }
  }
}

// P4, P5: the n-th call of an iteration fails, or is made without an answer, or lists too little. A reader
// finds every sample at that moment, and the next iterations end with the same bucket as without the fault.
class FaultTest : public CompactorTest {
 protected:
  // Work of every kind: compaction, both downsamplings, retention, deletion, a partial upload.
  void Fill() {
    for (uint64_t i = 0; i < 5; ++i) {
      Put(i + 1, static_cast<int64_t>(2 * i), static_cast<int64_t>(2 * i + 2));
    }
    Put(20, 0, 40, {.labels = labels::Labels({{"cluster", "long"}}), .step_ms = 600'000, .num_series = 1});
    Put(30, 0, 2, {.labels = labels::Labels({{"cluster", "marked"}})});
    const block::DeletionMark mark{TestUlid(30), "", clock_.NowMs() / 1000 - 200 * 3600};
    ASSERT_TRUE(block::WriteMark({}, bucket_, mark).ok());
    options_.delete_delay_ms = 100 * kHourMs;
  }
  void Clear() {
    std::vector<std::string> names;
    ASSERT_TRUE(bucket_
                    .List({}, "", {.recursive = true},
                          [&](const objstore::ListEntry& entry) {
                            names.push_back(entry.name);
                            return base::OkStatus();
                          })
                    .ok());
    for (const std::string& name : names) {
      ASSERT_TRUE(bucket_.Delete({}, name).ok());
    }
  }
  // After all delays: every directory is a whole block.
  void CheckLeftovers() {
    clock_.Advance(kPartialUploadAgeMs + options_.delete_delay_ms + 2000);
    ASSERT_TRUE(Iterate(bucket_).status.ok());
    block::MetaMap used;
    Contents(&used);
    ASSERT_TRUE(bucket_
                    .List({}, "", {},
                          [&](const objstore::ListEntry& entry) {
                            const auto ulid =
                                model::Ulid::Parse(entry.name.substr(0, model::Ulid::kTextLength));
                            EXPECT_TRUE(ulid && used.contains(*ulid)) << "left: " << entry.name;
                            return base::OkStatus();
                          })
                    .ok());
    clock_.Set(base::SystemClock().NowMs());
  }
  // Runs the scenario with `fault` at call n for each n as long as there is such a call; calls it does
  // nothing to are left out.
  void RunFor(const std::function<objstore::Fault(const objstore::BucketCall&)>& fault) {
    Fill();
    BucketContents source = Contents();
    ASSERT_TRUE(Iterate(bucket_).status.ok());
    const std::vector<std::string> want_blocks = Blocks();
    source[0].erase("{cluster=\"marked\"}{__name__=\"s0\"}");
    source[0].erase("{cluster=\"marked\"}{__name__=\"s1\"}");
    source[0].erase("{cluster=\"marked\"}{__name__=\"s2\"}");
    const auto check = [&] {
      BucketContents contents = Contents();
      for (const auto& [series, samples] : source.at(0)) {
        ASSERT_EQ(contents[0][series], samples) << series;
      }
    };
    for (int64_t n = 0;; ++n) {
      SCOPED_TRACE(n);
      Clear();
      Fill();
      bool injected = false;
      objstore::FaultBucket faulty(bucket_, [&](const objstore::BucketCall& call) {
        const objstore::Fault now = call.number == n ? fault(call) : objstore::Fault{};
        injected = injected || !now.error.ok() || !now.lost_answer.ok() || now.max_entries >= 0;
        return now;
      });
      const IterationResult result = Iterate(faulty);
      if (!injected && faulty.num_calls() > n) {
        continue;
      }
      ASSERT_FALSE(result.halt) << result.status;
      check();
      if (!result.status.ok()) {
        const IterationResult next = Iterate(bucket_);
        ASSERT_TRUE(next.status.ok()) << next.status;
      }
      ASSERT_TRUE(Iterate(bucket_).status.ok());  // what a short listing hid
      check();
      EXPECT_EQ(Blocks(), want_blocks);
      CheckLeftovers();
      if (HasFatalFailure() || faulty.num_calls() <= n) {
        return;
      }
    }
  }
};

TEST_F(FaultTest, AnError) {
  RunFor([](const objstore::BucketCall&) { return objstore::Fault{.error = base::Unavailable("injected")}; });
}

TEST_F(FaultTest, ALostAnswer) {
  RunFor([](const objstore::BucketCall& call) {
    const bool changes = call.operation == objstore::BucketCall::Operation::kUpload ||
                         call.operation == objstore::BucketCall::Operation::kDelete;
    return changes ? objstore::Fault{.lost_answer = base::Unavailable("injected")} : objstore::Fault{};
  });
}

TEST_F(FaultTest, AShortListing) {
  RunFor([](const objstore::BucketCall& call) {
    const bool lists = call.operation == objstore::BucketCall::Operation::kList;
    return lists ? objstore::Fault{.max_entries = 1} : objstore::Fault{};
  });
}

}  // namespace
}  // namespace thanos::compact
