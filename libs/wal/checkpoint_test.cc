#include "wal/checkpoint.h"

#include <gtest/gtest.h>

#include "base/strings.h"
#include "wal/memory_file_system.h"
#include "wal/records.h"

namespace thanos::wal {
namespace {

using labels::Labels;

// Three segments: series 1..4 with metadata, samples at 1000 * segment.
void Fill(FileSystem& files) {
  auto writer = *Writer::Open(files, "wal", {});
  const auto append = [&](const std::string& record) {
    const std::string_view view = record;
    ASSERT_TRUE(writer->Append({}, {&view, 1}).ok());
  };
  std::string series;
  RecordBuilder builder(RecordType::kSeries, &series);
  for (uint64_t ref = 1; ref <= 4; ++ref) {
    builder.Add(ref, Labels({{"id", base::Concat(ref)}}));
  }
  append(series);
  for (int64_t segment = 0; segment < 3; ++segment) {
    std::string samples;
    RecordBuilder sample_builder(RecordType::kSamples, &samples);
    std::string metadata;
    RecordBuilder metadata_builder(RecordType::kMetadata, &metadata);
    std::string histograms;
    RecordBuilder histogram_builder(RecordType::kHistograms, &histograms);
    std::string tombstones;
    RecordBuilder tombstone_builder(RecordType::kTombstones, &tombstones);
    std::string exemplars;
    RecordBuilder exemplar_builder(RecordType::kExemplars, &exemplars);
    for (uint64_t ref = 1; ref <= 4; ++ref) {
      sample_builder.Add(SampleEntry{ref, 1000 * segment, 0.5});
      metadata_builder.Add({ref, 1, "", base::Concat("help ", segment)});
      histogram_builder.Add(ref, 1000 * segment + 1, {});
      tombstone_builder.Add(TombstoneEntry{ref, 0, 1000 * segment});
      exemplar_builder.AddExemplar(ref, 1000 * segment, 1, Labels({{"trace", "x"}}));
    }
    for (const std::string& record : {samples, metadata, histograms, tombstones, exemplars}) {
      append(record);
    }
    ASSERT_TRUE(writer->CutSegment().ok());
  }
}

// A line per entry, the same for equal content.
std::string Dump(FileSystem& files) {
  std::string out;
  ReplayStats stats;
  const base::Status status = Replay(
      files, "wal", {},
      [&](const RecordPosition& position, std::string_view record) {
        out += position.in_checkpoint ? "c " : "s ";
        RecordReader reader(record);
        SeriesEntry series;
        SampleEntry sample;
        MetadataEntry metadata;
        HistogramEntry histogram;
        TombstoneEntry tombstone;
        ExemplarEntry exemplar;
        switch (reader.type()) {
          case RecordType::kSeries:
            while (reader.Next(&series)) {
              base::Append(out, "series ", series.ref, " ");
            }
            break;
          case RecordType::kSamples:
            while (reader.Next(&sample)) {
              base::Append(out, sample.ref, "@", sample.time_ms, " ");
            }
            break;
          case RecordType::kMetadata:
            while (reader.Next(&metadata)) {
              base::Append(out, metadata.ref, "=", metadata.help, " ");
            }
            break;
          case RecordType::kHistograms:
            while (reader.Next(&histogram)) {
              base::Append(out, "h", histogram.ref, "@", histogram.time_ms, " ");
            }
            break;
          case RecordType::kTombstones:
            while (reader.Next(&tombstone)) {
              base::Append(out, "t", tombstone.ref, "@", tombstone.max_time_ms, " ");
            }
            break;
          default:
            while (reader.Next(&exemplar)) {
              base::Append(out, "e", exemplar.ref, "@", exemplar.time_ms, " ");
            }
        }
        EXPECT_TRUE(reader.status().ok());
        out += "\n";
        return base::OkStatus();
      },
      &stats);
  EXPECT_TRUE(status.ok()) << status;
  return out;
}

CheckpointOptions KeepOddFrom1000() {
  CheckpointOptions options;
  options.keep_series = [](uint64_t ref) { return ref % 2 == 1; };
  options.min_time_ms = 1000;
  return options;
}

constexpr std::string_view kWant =
    "c series 1 series 3 \n"
    "c 1@1000 2@1000 3@1000 4@1000 \n"
    "c h1@1001 h2@1001 h3@1001 h4@1001 \n"
    "c t1@1000 t2@1000 t3@1000 t4@1000 \n"
    "c e1@1000 e2@1000 e3@1000 e4@1000 \n"
    "c 1=help 1 3=help 1 \n"
    "s 1@2000 2@2000 3@2000 4@2000 \n"
    "s 1=help 2 2=help 2 3=help 2 4=help 2 \n"
    "s h1@2001 h2@2001 h3@2001 h4@2001 \n"
    "s t1@2000 t2@2000 t3@2000 t4@2000 \n"
    "s e1@2000 e2@2000 e3@2000 e4@2000 \n";

TEST(CheckpointTest, KeepsLiveSeriesAndNewerSamples) {
  MemoryFileSystem files;
  Fill(files);
  const auto stats = WriteCheckpoint(files, "wal", 1, KeepOddFrom1000());
  ASSERT_TRUE(stats.ok()) << stats.status();
  EXPECT_EQ(stats->series, 2U);
  EXPECT_EQ(stats->dropped_series, 2U);
  EXPECT_EQ(stats->samples, 8U);
  EXPECT_EQ(stats->dropped_samples, 8U);
  EXPECT_EQ(Dump(files), kWant);
  EXPECT_EQ(WriteCheckpoint(files, "wal", 1, KeepOddFrom1000()).status().code(),
            base::StatusCode::kAlreadyExists);
}

TEST(CheckpointTest, BuildsOnTheOneBefore) {
  MemoryFileSystem files;
  Fill(files);
  ASSERT_TRUE(WriteCheckpoint(files, "wal", 0, KeepOddFrom1000()).ok());
  ASSERT_TRUE(WriteCheckpoint(files, "wal", 1, KeepOddFrom1000()).ok());
  ASSERT_TRUE(RemoveCheckpointsBefore(files, "wal", 1).ok());
  EXPECT_EQ(*LastCheckpoint(files, "wal"), 1U);
  EXPECT_EQ(Dump(files), kWant);
}

TEST(CheckpointTest, AppearsWholeOrNotAtAllWhateverFails) {
  for (const Fault fault : {Fault::kNoSpace, Fault::kIoError, Fault::kShortWrite, Fault::kPowerCut}) {
    for (uint64_t call = 0;; ++call) {
      MemoryFileSystem files;
      Fill(files);
      const std::string before = Dump(files);
      const uint64_t calls = files.num_calls();
      files.FailAt(call, fault);
      const bool written = WriteCheckpoint(files, "wal", 1, KeepOddFrom1000()).ok();
      const bool was_hit = files.num_calls() - calls > call;
      files.PowerOn(call);
      const std::string after = Dump(files);
      EXPECT_TRUE(after == kWant || (after == before && !written)) << "call " << call << "\n" << after;
      if (after == before) {
        ASSERT_TRUE(WriteCheckpoint(files, "wal", 1, KeepOddFrom1000()).ok());
        EXPECT_EQ(Dump(files), kWant);
      }
      ASSERT_TRUE(RemoveCheckpointsBefore(files, "wal", 1).ok());
      const std::vector<std::string> names = *files.List("wal");
      for (const std::string& name : names) {
        EXPECT_FALSE(name.ends_with(".tmp"));
      }
      if (!was_hit) {
        break;
      }
    }
  }
}

}  // namespace
}  // namespace thanos::wal
