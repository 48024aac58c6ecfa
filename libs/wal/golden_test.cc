// Logs written by Prometheus 2.42 and 3.5 are read, and written back byte for byte.
// tests/golden/wal/README.md says how they were made.
#include <filesystem>
#include <fstream>
#include <gtest/gtest.h>
#include <iterator>
#include <map>

#include "base/strings.h"
#include "wal/memory_file_system.h"
#include "wal/records.h"
#include "wal/segments.h"
#include "wal/writer.h"

namespace thanos::wal {
namespace {

constexpr int64_t kStartMs = 1'700'006'400'000;
constexpr int64_t kStepMs = 15'000;

std::string Directory(std::string_view name) {
  return base::Concat(TH_SOURCE_DIR, "/tests/golden/wal/", name);
}

template <typename Entry>
std::string Rebuild(std::string_view record) {
  RecordReader reader(record);
  std::string out;
  RecordBuilder builder(reader.type(), &out);
  Entry entry;
  while (reader.Next(&entry)) {
    if constexpr (std::is_same_v<Entry, HistogramEntry>) {
      builder.Add(entry.ref, entry.time_ms, entry.histogram);
    } else {
      builder.Add(entry);
    }
  }
  EXPECT_TRUE(reader.status().ok()) << reader.status();
  return out;
}

std::string Rebuild(std::string_view record) {
  switch (TypeOf(record)) {
    case RecordType::kSeries:
      return Rebuild<SeriesEntry>(record);
    case RecordType::kSamples:
      return Rebuild<SampleEntry>(record);
    case RecordType::kTombstones:
      return Rebuild<TombstoneEntry>(record);
    case RecordType::kExemplars:
      return Rebuild<ExemplarEntry>(record);
    case RecordType::kMmapMarkers:
      return Rebuild<MmapMarkerEntry>(record);
    case RecordType::kMetadata:
      return Rebuild<MetadataEntry>(record);
    case RecordType::kUnknown:
      return "unknown type";
    default:
      return Rebuild<HistogramEntry>(record);
  }
}

std::vector<std::string> ReadRecords(const std::string& directory) {
  SystemFileSystem files;
  ReplayStats stats;
  std::vector<std::string> records;
  const base::Status status = Replay(
      files, directory, {},
      [&](const RecordPosition&, std::string_view record) {
        records.emplace_back(record);
        return base::OkStatus();
      },
      &stats);
  EXPECT_TRUE(status.ok()) << status;
  EXPECT_EQ(stats.dropped_records, 0U);
  return records;
}

class GoldenTest : public ::testing::TestWithParam<std::string_view> {};

TEST_P(GoldenTest, RecordsAreWrittenBackIdentically) {
  for (const std::string_view log : {"wal", "wbl"}) {
    const std::vector<std::string> records = ReadRecords(base::Concat(Directory(GetParam()), "/", log));
    EXPECT_GE(records.size(), 40U);
    for (const std::string& record : records) {
      EXPECT_EQ(Rebuild(record), record) << "type " << static_cast<int>(record[0]);
    }
  }
}

// Compressors of different programs give different bytes, so only the logs without compression are compared.
TEST(GoldenSegmentTest, SegmentsAreWrittenBackIdentically) {
  for (const std::string_view name :
       {"prometheus2_plain/wal", "prometheus2_plain/wbl", "prometheus3_plain/wal", "prometheus3_plain/wbl"}) {
    MemoryFileSystem files;
    auto writer = *Writer::Open(files, "wal", {.compression = Compression::kNone});
    const std::vector<std::string> records = ReadRecords(Directory(name));
    for (const std::string& record : records) {
      const std::string_view view = record;
      ASSERT_TRUE(writer->Append({}, {&view, 1}).ok());
    }
    std::ifstream original(Directory(name) + "/00000000", std::ios::binary);
    const std::string want{std::istreambuf_iterator<char>(original), {}};
    EXPECT_EQ(files.Get("wal/00000000"), want) << name;
  }
}

struct Content {
  std::map<uint64_t, std::string> series;
  std::map<std::string, std::map<int64_t, double>> samples;
  std::map<std::string, model::Histogram> histograms;
  int tombstones = 0;
  int markers = 0;
  std::string exemplar;
};

void Collect(const std::vector<std::string>& records, Content* content) {
  for (const std::string& record : records) {
    RecordReader reader(record);
    std::vector<labels::LabelView> labels;
    SeriesEntry series;
    SampleEntry sample;
    HistogramEntry histogram;
    TombstoneEntry tombstone;
    ExemplarEntry exemplar;
    MmapMarkerEntry marker;
    switch (reader.type()) {
      case RecordType::kSeries:
        while (reader.Next(&series)) {
          series.labels.CopyTo(&labels);
          content->series[series.ref] = labels::ToString(labels);
        }
        break;
      case RecordType::kSamples:
        while (reader.Next(&sample)) {
          content->samples[content->series[sample.ref]][sample.time_ms] = sample.value;
        }
        break;
      case RecordType::kTombstones:
        while (reader.Next(&tombstone)) {
          ++content->tombstones;
          EXPECT_EQ(tombstone.min_time_ms, kStartMs);
          EXPECT_EQ(tombstone.max_time_ms, kStartMs + 20'000);
        }
        break;
      case RecordType::kExemplars:
        while (reader.Next(&exemplar)) {
          exemplar.labels.CopyTo(&labels);
          content->exemplar = base::Concat(content->series[exemplar.ref], labels::ToString(labels),
                                           exemplar.value, "@", exemplar.time_ms);
        }
        break;
      case RecordType::kMmapMarkers:
        while (reader.Next(&marker)) {
          ++content->markers;
        }
        break;
      case RecordType::kMetadata:
      case RecordType::kUnknown:
        ADD_FAILURE() << "type " << static_cast<int>(record[0]);
        break;
      default:
        while (reader.Next(&histogram)) {
          content->histograms[content->series[histogram.ref]] = histogram.histogram;
        }
    }
  }
}

TEST_P(GoldenTest, ContentIsWhatWasSent) {
  Content content;
  Collect(ReadRecords(Directory(GetParam()) + "/wal"), &content);
  const std::string counter = R"({__name__="requests_total", job="api"})";
  EXPECT_EQ(content.samples[counter][kStartMs + 2 * kStepMs], 3.0);
  EXPECT_EQ(content.samples.count("{__name__=\"up\", job=\"api\", zone=\"z\xc3\xbcrich\"}"), 1U);
  EXPECT_EQ(content.tombstones, 1);
  EXPECT_EQ(content.exemplar,
            base::Concat(counter, R"({trace_id="4bf92f3577b34da6"})", 0.25, "@", kStartMs + 20 * kStepMs));
  const model::Histogram& integer = content.histograms[R"({__name__="latency", kind="integer"})"];
  EXPECT_FALSE(integer.is_float);
  EXPECT_EQ(integer.schema, 3);
  EXPECT_EQ(integer.zero_count, 2);
  EXPECT_EQ(integer.sum, 18.5);
  EXPECT_EQ(integer.positive_buckets, (std::vector<double>{3, 4, 1}));
  EXPECT_EQ(integer.positive_spans, (std::vector<model::Span>{{0, 2}, {2, 1}}));
  EXPECT_EQ(integer.negative_buckets, (std::vector<double>{5}));
  const model::Histogram& real = content.histograms[R"({__name__="latency", kind="float"})"];
  EXPECT_TRUE(real.is_float);
  EXPECT_EQ(real.zero_count, 1.5);
  EXPECT_EQ(real.positive_buckets, (std::vector<double>{2.5, 0.5}));
  EXPECT_EQ(real.counter_reset_hint, model::CounterResetHint::kGauge);
  if (GetParam().starts_with("prometheus3")) {
    const model::Histogram& custom = content.histograms[R"({__name__="latency", kind="custom"})"];
    EXPECT_FALSE(custom.is_float);
    EXPECT_EQ(custom.custom_bounds, (std::vector<double>{0.5, 2.5, 10}));
    EXPECT_EQ(custom.positive_buckets, (std::vector<double>{1, 2, 4}));
    EXPECT_TRUE(content.histograms[R"({__name__="latency", kind="custom_float"})"].is_float);
  }

  Content out_of_order;
  out_of_order.series = content.series;
  Collect(ReadRecords(Directory(GetParam()) + "/wbl"), &out_of_order);
  EXPECT_EQ(out_of_order.samples[counter].size(), 40U);
  EXPECT_EQ(out_of_order.samples[counter][kStartMs - kStepMs], 1000);
  EXPECT_GE(out_of_order.markers, 1);
}

INSTANTIATE_TEST_SUITE_P(Prometheus, GoldenTest,
                         ::testing::Values("prometheus2_plain", "prometheus2_snappy", "prometheus3_plain",
                                           "prometheus3_zstd"),
                         [](const auto& param_info) { return std::string(param_info.param); });

}  // namespace
}  // namespace thanos::wal
