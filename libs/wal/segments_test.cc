#include "wal/segments.h"

#include <gtest/gtest.h>
#include <random>

#include "base/strings.h"
#include "wal/memory_file_system.h"
#include "wal/writer.h"

namespace thanos::wal {
namespace {

constexpr size_t kPage = 32 * 1024;

std::string RandomText(std::mt19937_64& random, size_t size) {
  std::string text(size, '\0');
  for (char& byte : text) {
    byte = static_cast<char>(random());
  }
  return text;
}

// Records as the writer puts them into one segment.
std::string Segment(const std::vector<std::string>& records, Compression compression = Compression::kNone) {
  MemoryFileSystem files;
  auto writer = *Writer::Open(files, "wal", {.compression = compression});
  for (const std::string& record : records) {
    const std::string_view view = record;
    EXPECT_TRUE(writer->Append({}, {&view, 1}).ok());
  }
  EXPECT_TRUE(writer->Close().ok());
  return files.Get("wal/00000000");
}

std::vector<std::string> ReadAll(std::string_view segment, ReplayStats* stats) {
  SegmentReader reader(segment, "segment");
  std::vector<std::string> records;
  std::string_view record;
  while (reader.Next(&record)) {
    records.emplace_back(record);
  }
  *stats = reader.stats();
  return records;
}

TEST(SegmentsTest, RecordsOfAllSizesRoundTripInEveryCompression) {
  constexpr uint64_t kSeed = 99;
  std::mt19937_64 random(kSeed);
  for (const Compression compression : {Compression::kNone, Compression::kSnappy, Compression::kZstd}) {
    std::vector<std::string> records;
    for (const size_t size :
         {1UL, 6UL, 7UL, 100UL, kPage - 14, kPage - 7, kPage - 6, kPage, 3 * kPage + 5, 200000UL}) {
      records.push_back(RandomText(random, size));
      records.push_back(std::string(size, 'a'));
    }
    for (int i = 0; i < 200; ++i) {
      records.push_back(RandomText(random, 1 + random() % 3000));
    }
    ReplayStats stats;
    EXPECT_EQ(ReadAll(Segment(records, compression), &stats), records) << "seed " << kSeed;
    EXPECT_EQ(stats.dropped_records, 0U);
    EXPECT_EQ(stats.torn_tails, 0U);
    EXPECT_EQ(stats.records, records.size());
  }
}

TEST(SegmentsTest, EveryCutLosesOnlyTheTornRecord) {
  std::mt19937_64 random(4);
  std::vector<std::string> records;
  for (int i = 0; i < 40; ++i) {
    records.push_back(RandomText(random, 1 + random() % 4000));
  }
  const std::string segment = Segment(records);
  ASSERT_GT(segment.size(), 2 * kPage);
  for (size_t length = 0; length < segment.size(); length += 1 + random() % 61) {
    ReplayStats stats;
    const std::vector<std::string> read = ReadAll(std::string_view(segment).substr(0, length), &stats);
    ASSERT_LE(read.size(), records.size());
    for (size_t i = 0; i < read.size(); ++i) {
      ASSERT_EQ(read[i], records[i]);
    }
    EXPECT_EQ(stats.damaged_segments, 0U) << length;
    EXPECT_LE(stats.dropped_records, 1U);
  }
}

TEST(SegmentsTest, AFlippedBitLosesTheRecordsItTouchesAndNoOthers) {
  constexpr uint64_t kSeed = 11;
  std::mt19937_64 random(kSeed);
  std::vector<std::string> records;
  for (int i = 0; i < 60; ++i) {
    records.push_back(base::Concat(i, ":") + RandomText(random, 1 + random() % 3000));
  }
  const std::string segment = Segment(records);
  for (int round = 0; round < 500; ++round) {
    std::string damaged = segment;
    const size_t at = random() % damaged.size();
    damaged[at] = static_cast<char>(damaged[at] ^ (1 << random() % 8));
    ReplayStats stats;
    const std::vector<std::string> read = ReadAll(damaged, &stats);
    // The records in order, without one: a flipped bit lies in one record, or in unused bytes of a page.
    EXPECT_GE(read.size() + 1, records.size()) << "seed " << kSeed << " byte " << at;
    size_t next = 0;
    for (const std::string& record : read) {
      while (next < records.size() && records[next] != record) {
        ++next;
      }
      ASSERT_LT(next, records.size()) << "a record that nobody wrote, seed " << kSeed << " byte " << at;
    }
    if (read.size() < records.size()) {
      EXPECT_GE(stats.dropped_records, 1U);
      EXPECT_GT(stats.dropped_bytes, 0U);
      EXPECT_EQ(stats.damaged_segments + stats.torn_tails, 1U);
    }
  }
}

TEST(SegmentsTest, AnOverwrittenPageLosesThatPage) {
  std::mt19937_64 random(12);
  std::vector<std::string> records;
  for (int i = 0; i < 300; ++i) {
    records.push_back(base::Concat("record ", i, " ") + RandomText(random, 1000));
  }
  std::string segment = Segment(records);
  segment.replace(2 * kPage, kPage, RandomText(random, kPage));
  ReplayStats stats;
  const std::vector<std::string> read = ReadAll(segment, &stats);
  EXPECT_GE(read.size(), records.size() - 34);
  EXPECT_EQ(read.back(), records.back());
  EXPECT_EQ(stats.damaged_segments, 1U);
  EXPECT_GE(stats.dropped_bytes, kPage);
}

TEST(SegmentsTest, ReplayReadsDirectoriesInOrder) {
  MemoryFileSystem files;
  auto writer = *Writer::Open(files, "wal", {});
  for (int i = 0; i < 9; ++i) {
    const std::string record = base::Concat("record ", i);
    const std::string_view view = record;
    ASSERT_TRUE(writer->Append({}, {&view, 1}).ok());
    if (i % 3 == 2) {
      ASSERT_TRUE(writer->CutSegment().ok());
    }
  }
  ReplayStats stats;
  std::string all;
  ASSERT_TRUE(Replay(
                  files, "wal", {.first = 1, .last = 2},
                  [&](const RecordPosition& position, std::string_view record) {
                    all += base::Concat(position.segment, "=", record, ";");
                    return base::OkStatus();
                  },
                  &stats)
                  .ok());
  EXPECT_EQ(all, "1=record 3;1=record 4;1=record 5;2=record 6;2=record 7;2=record 8;");
  EXPECT_EQ(stats.segments, 2U);
}

std::vector<std::string> ReplayAll(FileSystem& files, ReplayStats* stats) {
  std::vector<std::string> all;
  const base::Status status = Replay(
      files, "wal", {},
      [&](const RecordPosition&, std::string_view record) {
        all.emplace_back(record);
        return base::OkStatus();
      },
      stats);
  EXPECT_TRUE(status.ok()) << status;
  return all;
}

// A directory with a torn, a damaged and a whole segment.
void MakeBrokenDirectory(MemoryFileSystem& files) {
  ASSERT_TRUE(files.CreateDirectory("wal").ok());
  ASSERT_TRUE(files.SyncDirectory("").ok());
  const std::string torn = Segment({"a", "b", std::string(500, 'c')});
  files.Put("wal/00000000", torn.substr(0, torn.size() - 3));
  std::string damaged = Segment({"d", std::string(500, 'e'), "f"});
  damaged[100] = static_cast<char>(damaged[100] ^ 4);
  files.Put("wal/00000001", damaged);
  files.Put("wal/00000002", Segment({"g"}));
}

TEST(SegmentsTest, RepairKeepsWhatCanBeReadAndTheDamagedFile) {
  MemoryFileSystem files;
  MakeBrokenDirectory(files);
  const std::string damaged = files.Get("wal/00000001");
  const auto repaired = RepairSegments(files, "wal");
  ASSERT_TRUE(repaired.ok()) << repaired.status();
  EXPECT_EQ(*repaired, 2U);
  ReplayStats stats;
  EXPECT_EQ(ReplayAll(files, &stats), (std::vector<std::string>{"a", "b", "d", "f", "g"}));
  EXPECT_EQ(stats.dropped_records, 0U);
  EXPECT_EQ(files.Get("wal/00000001.damaged"), damaged);
  EXPECT_EQ(*files.List("wal"),
            (std::vector<std::string>{"00000000", "00000001", "00000001.damaged", "00000002"}));
  EXPECT_EQ(*RepairSegments(files, "wal"), 0U);
}

TEST(SegmentsTest, ARepairCutShortAtAnyCallIsContinued) {
  for (uint64_t call = 0;; ++call) {
    MemoryFileSystem files;
    MakeBrokenDirectory(files);
    const uint64_t before = files.num_calls();
    files.FailAt(call, Fault::kPowerCut);
    const bool done = RepairSegments(files, "wal").ok();
    files.PowerOn(call);
    ASSERT_TRUE(RepairSegments(files, "wal").ok()) << "call " << call;
    ReplayStats stats;
    EXPECT_EQ(ReplayAll(files, &stats), (std::vector<std::string>{"a", "b", "d", "f", "g"}))
        << "call " << call;
    EXPECT_EQ(stats.dropped_records, 0U);
    if (done) {
      EXPECT_GT(files.num_calls(), before + 10);
      break;
    }
  }
}

TEST(SegmentsTest, NamesAreThoseOfPrometheus) {
  EXPECT_EQ(SegmentName(42), "00000042");
  EXPECT_EQ(SegmentName(123456789), "123456789");
  EXPECT_EQ(ParseSegmentName("00000042"), 42U);
  EXPECT_FALSE(ParseSegmentName("00000042.damaged"));
  EXPECT_FALSE(ParseSegmentName("42"));
  EXPECT_EQ(CheckpointName(7), "checkpoint.00000007");
}

}  // namespace
}  // namespace thanos::wal
