#include "wal/writer.h"

#include <filesystem>
#include <gtest/gtest.h>

#include "base/strings.h"
#include "concurrency/task_group.h"
#include "concurrency/thread_pool.h"
#include "wal/memory_file_system.h"
#include "wal/segments.h"

namespace thanos::wal {
namespace {

base::Status Append(Writer& writer, std::string_view record) {
  return writer.Append({}, {&record, 1});
}

TEST(WriterTest, CutsSegmentsBeforeTheyGrowTooLarge) {
  MemoryFileSystem files;
  auto writer = *Writer::Open(files, "wal", {.segment_bytes = 64 * 1024, .compression = Compression::kNone});
  for (int i = 0; i < 30; ++i) {
    ASSERT_TRUE(Append(*writer, std::string(10000, static_cast<char>('a' + i % 26))).ok());
  }
  EXPECT_GE(writer->current_segment(), 4U);
  const std::vector<uint64_t> segments = *ListSegments(files, "wal");
  for (const uint64_t segment : segments) {
    EXPECT_LE(files.Get("wal/" + SegmentName(segment)).size(), 64U * 1024U);
  }
  ASSERT_TRUE(writer->RemoveSegmentsBefore(3).ok());
  EXPECT_EQ(ListSegments(files, "wal")->front(), 3U);
  EXPECT_EQ(writer->stats().records, 30U);
}

TEST(WriterTest, ARecordAboveTheSegmentSizeHasItsOwn) {
  MemoryFileSystem files;
  auto writer = *Writer::Open(files, "wal", {.segment_bytes = 64 * 1024, .compression = Compression::kNone});
  ASSERT_TRUE(Append(*writer, "small").ok());
  ASSERT_TRUE(Append(*writer, std::string(100000, 'x')).ok());
  ASSERT_TRUE(Append(*writer, "small").ok());
  EXPECT_EQ(writer->current_segment(), 2U);
}

TEST(WriterTest, NeverAppendsToAnOldSegment) {
  MemoryFileSystem files;
  (*Writer::Open(files, "wal", {})).reset();
  auto writer = *Writer::Open(files, "wal", {});
  EXPECT_EQ(writer->current_segment(), 1U);
  ASSERT_TRUE(writer->Close().ok());
  EXPECT_EQ(Append(*writer, "late").code(), base::StatusCode::kFailedPrecondition);
  EXPECT_EQ(writer->CutSegment().status().code(), base::StatusCode::kFailedPrecondition);
}

TEST(WriterTest, ConcurrentCallersShareWritesAndLoseNothing) {
  const std::string directory = ::testing::TempDir() + "wal_writer_test";
  std::filesystem::remove_all(directory);
  SystemFileSystem files;
  constexpr int kThreads = 4;
  constexpr int kRecords = 300;
  {
    auto writer =
        *Writer::Open(files, directory, {.segment_bytes = 64 * 1024, .fsync = FsyncPolicy::kAlways});
    concurrency::ThreadPool pool("test", kThreads);
    concurrency::TaskGroup group(pool, {});
    for (int t = 0; t < kThreads; ++t) {
      group.Add([&writer, t](const base::CancelToken& cancel) {
        for (int i = 0; i < kRecords; ++i) {
          const std::string first = base::Concat(t, "/", i);
          const std::string second = first + "!";
          const std::string_view records[] = {first, second};
          TH_RETURN_IF_ERROR(writer->Append(cancel, records));
        }
        return base::OkStatus();
      });
    }
    ASSERT_TRUE(group.Wait().ok());
    EXPECT_LE(writer->stats().groups, uint64_t{kThreads} * kRecords);
    EXPECT_EQ(writer->stats().records, uint64_t{2} * kThreads * kRecords);
    EXPECT_GE(writer->stats().syncs, writer->stats().groups);
  }
  ReplayStats stats;
  std::vector<std::string> records;
  ASSERT_TRUE(Replay(
                  files, directory, {},
                  [&](const RecordPosition&, std::string_view record) {
                    records.emplace_back(record);
                    return base::OkStatus();
                  },
                  &stats)
                  .ok());
  ASSERT_EQ(records.size(), size_t{2} * kThreads * kRecords);
  // The records of one call are neighbours, and those of one thread are in order.
  std::vector<int> next(kThreads);
  for (size_t i = 0; i < records.size(); i += 2) {
    EXPECT_EQ(records[i + 1], records[i] + "!");
    const auto parts = base::Split(records[i], '/');
    const auto thread = static_cast<size_t>(*base::ParseInt64(parts[0]));
    EXPECT_EQ(*base::ParseInt64(parts[1]), next[thread]++);
  }
  std::filesystem::remove_all(directory);
}

}  // namespace
}  // namespace thanos::wal
