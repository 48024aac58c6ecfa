// The log under every fault at every call: what was acknowledged is there afterwards, and nothing is written
// behind a failed write in the same segment.
#include <gtest/gtest.h>
#include <optional>
#include <set>

#include "base/strings.h"
#include "wal/memory_file_system.h"
#include "wal/segments.h"
#include "wal/writer.h"

namespace thanos::wal {
namespace {

constexpr int kRecords = 24;
constexpr uint64_t kSegmentBytes = 64 * 1024;

std::string Record(int i) {
  return base::Concat("record ", i, " ") + std::string(static_cast<size_t>(1 + i * 1777 % 9000), 'x');
}

base::Status Append(Writer& writer, std::string_view record) {
  return writer.Append({}, {&record, 1});
}

struct Outcome {
  std::set<std::string> acknowledged;
  std::set<std::string> refused;
  bool failed = false;
};

// Appends all records; a refused one is not repeated.
Outcome Write(MemoryFileSystem& files, FsyncPolicy policy) {
  Outcome run;
  auto writer = Writer::Open(files, "wal",
                             {.segment_bytes = kSegmentBytes,
                              .compression = Compression::kNone,
                              .fsync = policy,
                              .fsync_interval = std::chrono::hours(1)});
  for (int i = 0; i < kRecords; ++i) {
    const bool ok = writer.ok() && Append(**writer, Record(i)).ok();
    (ok ? run.acknowledged : run.refused).insert(Record(i));
    run.failed = run.failed || !ok;
  }
  return run;
}

std::set<std::string> ReadBack(FileSystem& files, ReplayStats* stats) {
  std::set<std::string> records;
  const base::Status status = Replay(
      files, "wal", {},
      [&](const RecordPosition&, std::string_view record) {
        records.emplace(record);
        return base::OkStatus();
      },
      stats);
  EXPECT_TRUE(status.ok() || status.code() == base::StatusCode::kNotFound) << status;
  return records;
}

void ExpectNothingAcknowledgedIsMissing(const Outcome& run, const std::set<std::string>& found,
                                        std::string_view what) {
  for (const std::string& record : run.acknowledged) {
    ASSERT_TRUE(found.contains(record)) << what << ": missing " << record.substr(0, 10);
  }
  for (const std::string& record : found) {
    ASSERT_TRUE(run.acknowledged.contains(record) || run.refused.contains(record)) << what;
  }
}

class FaultsTest : public ::testing::TestWithParam<Fault> {};

TEST_P(FaultsTest, OneFaultAtAnyCallLosesNothingAcknowledged) {
  for (uint64_t call = 0;; ++call) {
    MemoryFileSystem files;
    files.FailAt(call, GetParam());
    const Outcome run = Write(files, FsyncPolicy::kAlways);
    const bool was_hit = files.num_calls() > call;
    const std::string what = base::Concat("fault ", static_cast<int>(GetParam()), " at call ", call);
    // The process dies here, then the power goes too.
    ReplayStats before;
    if (GetParam() != Fault::kPowerCut) {
      ExpectNothingAcknowledgedIsMissing(run, ReadBack(files, &before), what);
      EXPECT_EQ(before.damaged_segments, 0U) << what;
    }
    files.PowerOn(call);
    ReplayStats after;
    ExpectNothingAcknowledgedIsMissing(run, ReadBack(files, &after), what);
    // The directory takes new records, and a repair changes nothing that can be read.
    const Outcome second = Write(files, FsyncPolicy::kAlways);
    EXPECT_FALSE(second.failed) << what;
    ASSERT_TRUE(RepairSegments(files, "wal").ok()) << what;
    ReplayStats repaired;
    ExpectNothingAcknowledgedIsMissing(second, ReadBack(files, &repaired), what);
    EXPECT_EQ(repaired.dropped_bytes, 0U) << what;
    if (!was_hit) {
      EXPECT_GT(call, 50U);
      break;
    }
  }
}

TEST_P(FaultsTest, ADiskThatStaysBrokenForAWhileIsRefusedUntilItIsWritable) {
  for (uint64_t call = 0; call < 40; ++call) {
    MemoryFileSystem files;
    auto writer = *Writer::Open(
        files, "wal",
        {.segment_bytes = kSegmentBytes, .compression = Compression::kNone, .fsync = FsyncPolicy::kAlways});
    Outcome run;
    const auto append = [&](int i) {
      const bool ok = Append(*writer, Record(i)).ok();
      (ok ? run.acknowledged : run.refused).insert(Record(i));
      return ok;
    };
    for (int i = 0; i < 3; ++i) {
      ASSERT_TRUE(append(i));
    }
    files.FailAt(call % 8, GetParam(), true);
    for (int i = 3; i < 12; ++i) {
      append(i);
    }
    EXPECT_FALSE(run.refused.empty());
    if (GetParam() == Fault::kPowerCut) {
      files.PowerOn(call);
      ReplayStats stats;
      ExpectNothingAcknowledgedIsMissing(run, ReadBack(files, &stats), "power");
      continue;
    }
    const uint64_t broken_segment = writer->current_segment();
    files.FailAt(0, Fault::kNone);
    for (int i = 12; i < kRecords; ++i) {
      EXPECT_TRUE(append(i)) << "space is back, call " << call;
    }
    EXPECT_GT(writer->current_segment(), broken_segment);
    EXPECT_LE(writer->current_segment(), broken_segment + 8);
    // kill -9 and loss of power at once: everything since the space came back is there.
    files.PowerOn(call);
    ReplayStats stats;
    ExpectNothingAcknowledgedIsMissing(run, ReadBack(files, &stats), "space is back");
  }
}

std::string FaultName(const ::testing::TestParamInfo<Fault>& param_info) {
  constexpr const char* kNames[] = {"None", "NoSpace", "IoError", "ShortWrite", "PowerCut"};
  return kNames[static_cast<size_t>(param_info.param)];
}

INSTANTIATE_TEST_SUITE_P(All, FaultsTest,
                         ::testing::Values(Fault::kNoSpace, Fault::kIoError, Fault::kShortWrite,
                                           Fault::kPowerCut),
                         FaultName);

// With the interval policy what was written survives the process, not the power; Sync makes it durable.
TEST(FsyncTest, IntervalSurvivesTheProcessAndSyncThePower) {
  MemoryFileSystem files;
  auto writer = *Writer::Open(files, "wal", {.fsync_interval = std::chrono::hours(1)});
  ASSERT_TRUE(Append(*writer, "synced").ok());
  ASSERT_TRUE(writer->Sync().ok());
  ASSERT_TRUE(Append(*writer, std::string(5000, 'y')).ok());
  ReplayStats stats;
  EXPECT_EQ(ReadBack(files, &stats).size(), 2U);
  EXPECT_EQ(writer->stats().syncs, 1U);
  files.PowerOn(1);
  EXPECT_TRUE(ReadBack(files, &stats).contains("synced"));
}

TEST(FsyncTest, AFailedSyncGivesTheSegmentUp) {
  MemoryFileSystem files;
  auto writer = *Writer::Open(files, "wal", {.fsync = FsyncPolicy::kAlways});
  ASSERT_TRUE(Append(*writer, "first").ok());
  files.FailAt(1, Fault::kIoError);  // the sync behind the write
  EXPECT_FALSE(Append(*writer, "refused").ok());
  ASSERT_TRUE(Append(*writer, "second").ok());
  EXPECT_EQ(writer->current_segment(), 1U);
  EXPECT_EQ(writer->stats().failed_syncs, 1U);
  ReplayStats stats;
  EXPECT_EQ(ReadBack(files, &stats), (std::set<std::string>{"first", "second"}));
}

}  // namespace
}  // namespace thanos::wal
