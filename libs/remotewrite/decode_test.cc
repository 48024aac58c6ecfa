#include "remotewrite/decode.h"

#include <gtest/gtest.h>
#include <random>

#include "base/hash.h"
#include "encoding/compress.h"
#include "remotewrite/encode.h"

namespace thanos::remotewrite {
namespace {

using labels::Labels;

class VersionTest : public ::testing::TestWithParam<Version> {};

TEST_P(VersionTest, EverythingRoundTrips) {
  const Labels labels{
      {"__name__", "http_requests_total"}, {"instance", std::string(300, 'i')}, {"job", "api"}};
  const Labels trace{{"trace_id", "abc"}};
  const bool v2 = GetParam() == Version::kV2;
  const Sample samples[] = {{1000, 1.5, v2 ? 900 : 0}, {-5, -0.25, 0}};
  model::Histogram histogram;
  histogram.count = 3;
  histogram.positive_spans = {{1, 2}};
  histogram.positive_buckets = {1, 2};
  const HistogramSample histograms[] = {{2000, &histogram, v2 ? 100 : 0}};
  const Exemplar exemplars[] = {{1000, 0.5, trace}, {1001, 0.75, {}}};
  const MetadataView metadata{1, "", "Requests.", "requests"};
  RequestBuilder builder(GetParam());
  builder.Add({.labels = labels,
               .samples = samples,
               .histograms = histograms,
               .exemplars = exemplars,
               .metadata = &metadata});
  builder.Add({.labels = trace});
  const std::string body = builder.Finish();

  const auto size = Measure(GetParam(), body);
  ASSERT_TRUE(size.ok()) << size.status();
  EXPECT_EQ(size->series, 2U);
  EXPECT_EQ(size->samples, 2U);
  EXPECT_EQ(size->histograms, 1U);
  EXPECT_EQ(size->exemplars, 2U);

  RequestReader reader(GetParam(), body);
  SeriesView series;
  ASSERT_TRUE(reader.Next(&series)) << reader.status();
  EXPECT_TRUE(labels::Equal(series.labels, labels));
  EXPECT_EQ(series.label_hash, base::XxHash64(series.label_block));
  ASSERT_EQ(series.samples.size(), 2U);
  EXPECT_EQ(series.samples[0].time_ms, 1000);
  EXPECT_EQ(series.samples[0].value, 1.5);
  EXPECT_EQ(series.samples[0].start_time_ms, v2 ? 900 : 0);
  EXPECT_EQ(series.samples[1].time_ms, -5);
  ASSERT_EQ(series.histograms.size(), 1U);
  HistogramPoint point;
  ASSERT_TRUE(DecodeHistogram(series.histograms[0], &point).ok());
  EXPECT_EQ(point.time_ms, 2000);
  EXPECT_EQ(point.start_time_ms, v2 ? 100 : 0);
  EXPECT_TRUE(model::SameBits(point.histogram, histogram));
  ASSERT_EQ(series.exemplars.size(), 2U);
  EXPECT_EQ(series.exemplars[0].value, 0.5);
  EXPECT_EQ(series.exemplars[0].labels_count, 1U);
  EXPECT_EQ(series.exemplars[1].time_ms, 1001);
  EXPECT_EQ(series.exemplars[1].labels_count, 0U);
  EXPECT_EQ(series.exemplar_labels[0].value, "abc");
  EXPECT_EQ(series.has_metadata, v2);
  if (v2) {
    EXPECT_EQ(series.metadata.help, "Requests.");
    EXPECT_EQ(series.metadata.unit, "requests");
    EXPECT_EQ(series.metadata.type, 1U);
  }
  ASSERT_TRUE(reader.Next(&series));
  EXPECT_TRUE(labels::Equal(series.labels, trace));
  EXPECT_TRUE(series.samples.empty());
  EXPECT_FALSE(series.has_metadata);
  EXPECT_FALSE(reader.Next(&series));
  EXPECT_TRUE(reader.status().ok());
  EXPECT_EQ(reader.num_series(), 2U);
}

// Every cut and every flipped byte gives an answer, and errors name the place.
TEST_P(VersionTest, DamagedBodiesAreRefusedOrRead) {
  constexpr uint64_t kSeed = 3;
  std::mt19937_64 random(kSeed);
  RequestBuilder builder(GetParam());
  const Labels labels{{"__name__", "a"}, {"b", "c"}};
  const Sample sample[] = {{1, 2, 0}};
  for (int i = 0; i < 5; ++i) {
    builder.Add({.labels = labels, .samples = sample, .exemplars = {}});
  }
  const std::string body = builder.Finish();
  int refused = 0;
  for (int round = 0; round < 4000; ++round) {
    std::string damaged = body;
    if (round % 2 == 0) {
      damaged.resize(random() % body.size());
    } else {
      damaged[random() % body.size()] = static_cast<char>(random());
    }
    RequestReader reader(GetParam(), damaged);
    SeriesView series;
    while (reader.Next(&series)) {
    }
    if (!reader.status().ok()) {
      ++refused;
      EXPECT_EQ(reader.status().code(), base::StatusCode::kInvalidArgument);
      EXPECT_NE(base::Message(reader.status()).find("series "), std::string_view::npos);
    }
  }
  EXPECT_GT(refused, 1000) << "seed " << kSeed;
}

INSTANTIATE_TEST_SUITE_P(Both, VersionTest, ::testing::Values(Version::kV1, Version::kV2),
                         [](const auto& param_info) {
                           return param_info.param == Version::kV1 ? "V1" : "V2";
                         });

SeriesView First(Version version, std::string_view body) {
  RequestReader reader(version, body);
  SeriesView series;
  EXPECT_TRUE(reader.Next(&series)) << reader.status();
  return series;
}

TEST(LabelBlockTest, IsASliceOfTheBodyForOrdinarySenders) {
  RequestBuilder builder(Version::kV1);
  builder.Add({.labels = Labels({{"a", "b"}, {"c", std::string(200, 'd')}})});
  const std::string body = builder.Finish();
  RequestReader reader(Version::kV1, body);
  SeriesView series;
  ASSERT_TRUE(reader.Next(&series));
  EXPECT_GE(series.label_block.data(), body.data());
  EXPECT_LE(series.label_block.data() + series.label_block.size(), body.data() + body.size());
  EXPECT_EQ(series.raw.substr(0, series.label_block.size()), series.label_block);
}

// The same labels written in every legal way, and by version 2.0, have the same block and hash.
TEST(LabelBlockTest, IsTheSameHoweverTheSenderWritesIt) {
  RequestBuilder one(Version::kV1);
  RequestBuilder two(Version::kV2);
  const Labels labels{{"a", "b"}, {"c", "d"}};
  one.Add({.labels = labels});
  two.Add({.labels = labels});
  const std::string plain = one.Finish();
  const std::string symbols = two.Finish();
  const std::string want(First(Version::kV1, plain).label_block);
  EXPECT_EQ(want, std::string("\x0a\x06\x0a\x01"
                              "a\x12\x01"
                              "b\x0a\x06\x0a\x01"
                              "c\x12\x01"
                              "d"));
  const std::string inner[] = {
      // value before name in the second label
      std::string("\x0a\x06\x0a\x01"
                  "a\x12\x01"
                  "b\x0a\x06\x12\x01"
                  "d\x0a\x01"
                  "c"),
      // a sample between the labels
      std::string("\x0a\x06\x0a\x01"
                  "a\x12\x01"
                  "b\x12\x02\x10\x05\x0a\x06\x0a\x01"
                  "c\x12\x01"
                  "d"),
      // a length in two bytes
      std::string("\x0a\x07\x0a\x81\x00"
                  "a\x12\x01"
                  "b\x0a\x06\x0a\x01"
                  "c\x12\x01"
                  "d",
                  17),
  };
  for (const std::string& message : inner) {
    std::string body;
    AppendRawSeries(message, &body);
    const SeriesView series = First(Version::kV1, body);
    EXPECT_TRUE(labels::Equal(series.labels, labels));
    EXPECT_EQ(series.block_buffer, want);
    EXPECT_EQ(series.label_hash, base::XxHash64(want));
  }
  const SeriesView series = First(Version::kV2, symbols);
  EXPECT_EQ(series.block_buffer, want);
  EXPECT_EQ(series.label_hash, base::XxHash64(want));
}

TEST(ForwardTest, SeriesOfVersion2BecomeVersion1) {
  const Labels labels{{"a", "b"}};
  const Sample samples[] = {{7, 1.5, 3}};
  model::Histogram histogram;
  const HistogramSample histograms[] = {{9, &histogram, 0}};
  const Exemplar exemplars[] = {{8, 2, labels}};
  std::string bodies[2];
  for (const Version version : {Version::kV1, Version::kV2}) {
    RequestBuilder builder(version);
    builder.Add({.labels = labels, .samples = samples, .histograms = histograms, .exemplars = exemplars});
    const std::string body = builder.Finish();
    RequestReader reader(version, body);
    SeriesView series;
    ASSERT_TRUE(reader.Next(&series));
    AppendSeries(series, &bodies[version == Version::kV1 ? 0 : 1]);
    if (version == Version::kV1) {
      EXPECT_EQ(bodies[0], body);
      std::string copy;
      AppendRawSeries(series.raw, &copy);
      EXPECT_EQ(copy, body);
    }
  }
  EXPECT_EQ(bodies[0], bodies[1]);
}

TEST(Version2Test, ReferencesMustExistAndComeInPairs) {
  const auto read = [](std::string_view refs, std::string_view symbols) {
    const std::string series = base::Concat("\x0a", static_cast<char>(refs.size()), refs);
    const std::string body = base::Concat(symbols, "\x2a", static_cast<char>(series.size()), series);
    RequestReader reader(Version::kV2, body);
    SeriesView view;
    return reader.Next(&view);
  };
  const std::string symbols(
      "\x22\x00\x22\x01"
      "a",
      5);
  EXPECT_TRUE(read("\x01\x01", symbols));
  EXPECT_FALSE(read("\x01\x02", symbols));
  EXPECT_FALSE(read("\x01", symbols));
  EXPECT_FALSE(read("\x01\x01", ""));
  EXPECT_FALSE(read("\x01\x01", "\x22\x01x\x22\x01y"));  // the first symbol must be empty
}

TEST(Version2Test, AVersion1BodyIsRefused) {
  RequestBuilder builder(Version::kV1);
  builder.Add({.labels = Labels({{"a", "b"}})});
  const std::string body = builder.Finish();
  RequestReader reader(Version::kV2, body);
  SeriesView series;
  EXPECT_FALSE(reader.Next(&series));
  EXPECT_EQ(reader.status().code(), base::StatusCode::kInvalidArgument);
}

TEST(Version2Test, CreatedTimesOfTheSeriesHoldForItsSamples) {
  std::string series("\x12\x02\x10\x05\x12\x04\x10\x06\x18\x02\x30\x01", 12);
  std::string body;
  encoding::AppendBytesField(body, 5, series);
  const SeriesView view = First(Version::kV2, body);
  ASSERT_EQ(view.samples.size(), 2U);
  EXPECT_EQ(view.samples[0].start_time_ms, 1);
  EXPECT_EQ(view.samples[1].start_time_ms, 2);
}

TEST(MetadataTest, OfVersion1StandsBesideTheSeries) {
  RequestBuilder builder(Version::kV1);
  builder.AddMetadata({2, "up", "Whether it is up.", ""});
  const std::string body = builder.Finish();
  RequestReader reader(Version::kV1, body);
  SeriesView series;
  EXPECT_FALSE(reader.Next(&series));
  ASSERT_EQ(reader.metadata().size(), 1U);
  EXPECT_EQ(reader.metadata()[0].family, "up");
  EXPECT_EQ(reader.metadata()[0].help, "Whether it is up.");
  EXPECT_EQ(reader.metadata()[0].type, 2U);
}

TEST(UncompressTest, ChecksTheSizeBeforeAllocating) {
  const std::string text(100'000, 'a');
  std::string snappy;
  encoding::SnappyCompress(text, &snappy);
  std::string zstd;
  ASSERT_TRUE(encoding::ZstdCompress(text, 1, &zstd).ok());
  for (const auto& [kind, body] :
       {std::pair(ContentEncoding::kSnappy, snappy), {ContentEncoding::kZstd, zstd}}) {
    std::string out;
    ASSERT_TRUE(Uncompress(kind, body, text.size(), &out).ok());
    EXPECT_EQ(out, text);
    std::string small;
    EXPECT_EQ(Uncompress(kind, body, text.size() - 1, &small).code(), base::StatusCode::kResourceExhausted);
    EXPECT_LT(small.capacity(), text.size());
    EXPECT_EQ(Uncompress(kind, "\xff\x01\x02garbage", 1000, &small).code(),
              base::StatusCode::kInvalidArgument);
  }
  // A few bytes that promise four gigabytes.
  std::string out;
  EXPECT_EQ(Uncompress(ContentEncoding::kSnappy, "\xff\xff\xff\xff\x0f\x00", 1 << 20, &out).code(),
            base::StatusCode::kResourceExhausted);
}

}  // namespace
}  // namespace thanos::remotewrite
