#include "wal/records.h"

#include <cmath>
#include <gtest/gtest.h>
#include <limits>
#include <random>

namespace thanos::wal {
namespace {

using labels::Labels;

std::string Bytes(std::initializer_list<int> bytes) {
  std::string out;
  for (const int byte : bytes) {
    out.push_back(static_cast<char>(byte));
  }
  return out;
}

TEST(RecordsTest, SeriesHaveTheDocumentedBytes) {
  std::string record;
  RecordBuilder builder(RecordType::kSeries, &record);
  builder.Add(7, Labels({{"a", "b"}}));
  EXPECT_EQ(record, Bytes({1, 0, 0, 0, 0, 0, 0, 0, 7, 1, 1, 'a', 1, 'b'}));
}

TEST(RecordsTest, SamplesAreRelativeToTheFirst) {
  std::string record;
  RecordBuilder builder(RecordType::kSamples, &record);
  builder.Add(SampleEntry{.ref = 2, .time_ms = 1000, .value = 1});
  builder.Add(SampleEntry{.ref = 1, .time_ms = 1001, .value = 2});
  EXPECT_EQ(record, Bytes({2,    0,    0, 0, 0, 0, 0, 0, 2,    0,    0,    0, 0, 0, 0, 3, 0xe8, 0, 0,
                           0x3f, 0xf0, 0, 0, 0, 0, 0, 0, 0x01, 0x02, 0x40, 0, 0, 0, 0, 0, 0,    0}));
}

TEST(RecordsTest, SeriesRoundTrip) {
  std::string record;
  RecordBuilder builder(RecordType::kSeries, &record);
  const Labels one{{"__name__", "up"}, {"job", "z\xc3\xbcrich"}};
  builder.Add(1, one);
  builder.Add(~uint64_t{0}, Labels());
  RecordReader reader(record);
  SeriesEntry entry;
  std::vector<labels::LabelView> read;
  ASSERT_TRUE(reader.Next(&entry));
  EXPECT_EQ(entry.ref, 1U);
  entry.labels.CopyTo(&read);
  EXPECT_TRUE(labels::Equal(read, one));
  ASSERT_TRUE(reader.Next(&entry));
  EXPECT_EQ(entry.ref, ~uint64_t{0});
  EXPECT_EQ(entry.labels.size(), 0U);
  EXPECT_FALSE(reader.Next(&entry));
  EXPECT_TRUE(reader.status().ok()) << reader.status();
}

TEST(RecordsTest, ExtremeSamplesRoundTrip) {
  const SampleEntry samples[] = {
      {~uint64_t{0}, std::numeric_limits<int64_t>::min(), -0.0},
      {0, std::numeric_limits<int64_t>::max(), std::numeric_limits<double>::infinity()},
      {1, 0, 5e-324},
  };
  std::string record;
  RecordBuilder builder(RecordType::kSamples, &record);
  for (const SampleEntry& sample : samples) {
    builder.Add(sample);
  }
  RecordReader reader(record);
  SampleEntry entry;
  for (const SampleEntry& sample : samples) {
    ASSERT_TRUE(reader.Next(&entry));
    EXPECT_EQ(entry.ref, sample.ref);
    EXPECT_EQ(entry.time_ms, sample.time_ms);
    EXPECT_EQ(entry.value, sample.value);
  }
  EXPECT_FALSE(reader.Next(&entry));
  EXPECT_TRUE(reader.status().ok());
}

TEST(RecordsTest, SmallEntriesRoundTrip) {
  std::string tombstones;
  RecordBuilder(RecordType::kTombstones, &tombstones).Add(TombstoneEntry{3, -5, 1 << 20});
  TombstoneEntry tombstone;
  ASSERT_TRUE(RecordReader(tombstones).Next(&tombstone));
  EXPECT_EQ(tombstone.min_time_ms, -5);
  EXPECT_EQ(tombstone.max_time_ms, 1 << 20);

  std::string markers;
  RecordBuilder(RecordType::kMmapMarkers, &markers).Add(MmapMarkerEntry{3, uint64_t{1} << 32 | 8});
  MmapMarkerEntry marker;
  ASSERT_TRUE(RecordReader(markers).Next(&marker));
  EXPECT_EQ(marker.ref, 3U);
  EXPECT_EQ(marker.chunk_ref, uint64_t{1} << 32 | 8);

  std::string metadata_record;
  RecordBuilder(RecordType::kMetadata, &metadata_record).Add(MetadataEntry{300, 1, "seconds", "How long."});
  MetadataEntry metadata;
  ASSERT_TRUE(RecordReader(metadata_record).Next(&metadata));
  EXPECT_EQ(metadata.ref, 300U);
  EXPECT_EQ(metadata.metric_type, 1);
  EXPECT_EQ(metadata.unit, "seconds");
  EXPECT_EQ(metadata.help, "How long.");

  std::string exemplars;
  RecordBuilder(RecordType::kExemplars, &exemplars).AddExemplar(9, 77, 0.5, Labels({{"trace_id", "x"}}));
  ExemplarEntry exemplar;
  ASSERT_TRUE(RecordReader(exemplars).Next(&exemplar));
  EXPECT_EQ(exemplar.ref, 9U);
  EXPECT_EQ(exemplar.time_ms, 77);
  EXPECT_EQ(exemplar.value, 0.5);
  EXPECT_EQ(exemplar.labels.encoded(), "\x08trace_id\x01x");
}

model::Histogram RandomHistogram(std::mt19937_64& random, bool is_float, bool custom) {
  model::Histogram histogram;
  histogram.is_float = is_float;
  histogram.schema = custom ? model::kCustomBucketsSchema : static_cast<int32_t>(random() % 13) - 4;
  histogram.counter_reset_hint = static_cast<model::CounterResetHint>(random() % 4);
  histogram.zero_threshold = custom ? 0 : 0.001;
  const auto count = [&] {
    const auto whole = static_cast<double>(random() % 100000);
    return is_float ? whole / 8 : whole;
  };
  histogram.zero_count = count();
  histogram.count = count();
  histogram.sum = -count() / 3;
  const auto side = [&](std::vector<model::Span>* spans, std::vector<double>* buckets) {
    for (uint64_t i = random() % 4; i > 0; --i) {
      spans->push_back({static_cast<int32_t>(random() % 9) - 4, static_cast<uint32_t>(random() % 5)});
      for (uint32_t k = 0; k < spans->back().length; ++k) {
        buckets->push_back(count());
      }
    }
  };
  side(&histogram.positive_spans, &histogram.positive_buckets);
  if (custom) {
    histogram.custom_bounds = {0.5, 1, 2.25};
  } else {
    side(&histogram.negative_spans, &histogram.negative_buckets);
  }
  return histogram;
}

TEST(RecordsTest, HistogramsOfAllKindsRoundTrip) {
  constexpr uint64_t kSeed = 20231114;
  std::mt19937_64 random(kSeed);
  for (int round = 0; round < 400; ++round) {
    const bool is_float = round % 2 == 1;
    const bool custom = round % 4 >= 2;
    std::vector<model::Histogram> histograms;
    std::string record;
    RecordBuilder builder(TypeFor(RandomHistogram(random, is_float, custom)), &record);
    for (int i = 0; i < 3; ++i) {
      histograms.push_back(RandomHistogram(random, is_float, custom));
      builder.Add(static_cast<uint64_t>(10 - i), 1000 * i, histograms.back());
    }
    RecordReader reader(record);
    HistogramEntry entry;
    for (int i = 0; i < 3; ++i) {
      ASSERT_TRUE(reader.Next(&entry)) << reader.status() << " seed " << kSeed << " round " << round;
      EXPECT_EQ(entry.ref, static_cast<uint64_t>(10 - i));
      EXPECT_EQ(entry.time_ms, 1000 * i);
      EXPECT_TRUE(model::SameBits(entry.histogram, histograms[static_cast<size_t>(i)]));
    }
    EXPECT_FALSE(reader.Next(&entry));
    EXPECT_TRUE(reader.status().ok());
  }
}

// Every prefix of a record either ends at an entry or is damage; nothing is read past the end.
TEST(RecordsTest, CutRecordsAreDamage) {
  std::mt19937_64 random(5);
  std::string record;
  RecordBuilder builder(RecordType::kHistograms, &record);
  builder.Add(1, 1000, RandomHistogram(random, false, false));
  for (size_t length = 2; length < record.size(); ++length) {
    const std::string cut = record.substr(0, length);
    RecordReader reader(cut);
    HistogramEntry entry;
    EXPECT_FALSE(reader.Next(&entry));
    EXPECT_EQ(reader.status().ok(), length == 17) << length;  // type and base only: a record of no entries
  }
}

TEST(RecordsTest, SpansMustPromiseTheBucketsThatAreThere) {
  model::Histogram histogram;
  histogram.positive_spans = {{0, 2}};
  histogram.positive_buckets = {1};
  std::string record;
  RecordBuilder(RecordType::kHistograms, &record).Add(1, 1, histogram);
  RecordReader reader(record);
  HistogramEntry entry;
  EXPECT_FALSE(reader.Next(&entry));
  EXPECT_EQ(reader.status().code(), base::StatusCode::kDataLoss);
}

TEST(RecordsTest, HugeCountsDoNotAllocate) {
  // One series with 2^60 labels.
  std::string record =
      Bytes({1, 0, 0, 0, 0, 0, 0, 0, 7, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x10});
  RecordReader reader(record);
  SeriesEntry entry;
  EXPECT_FALSE(reader.Next(&entry));
  EXPECT_FALSE(reader.status().ok());
}

TEST(RecordsTest, TypesAreNotMixedUp) {
  std::string record;
  RecordBuilder(RecordType::kSamples, &record).Add(SampleEntry{.ref = 1, .time_ms = 1, .value = 1});
  RecordReader reader(record);
  SeriesEntry entry;
  EXPECT_FALSE(reader.Next(&entry));
  EXPECT_EQ(reader.status().code(), base::StatusCode::kDataLoss);
  EXPECT_EQ(TypeOf(""), RecordType::kUnknown);
  EXPECT_EQ(TypeOf("\x0b"), RecordType::kUnknown);
}

}  // namespace
}  // namespace thanos::wal
