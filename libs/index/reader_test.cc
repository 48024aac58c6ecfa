#include "index/reader.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <optional>
#include <string>
#include <utility>

#include "index/internal/testing.h"
#include "index/mapped_file.h"

namespace thanos::index {
namespace {

using labels::Matcher;
using labels::MatchType;
using ::testing::ElementsAre;

std::unique_ptr<Reader> OpenGolden() {
  auto bytes = MapFile(testing::GoldenIndexPath());
  EXPECT_TRUE(bytes.ok()) << bytes.status();
  auto reader = Reader::Open(*std::move(bytes));
  EXPECT_TRUE(reader.ok()) << reader.status();
  return *std::move(reader);
}

Matcher Make(MatchType type, std::string name, std::string value) {
  return *Matcher::Create(type, std::move(name), std::move(value));
}

TEST(ReaderTest, ReadsNamesAndValuesOfPromtoolIndex) {
  const auto reader = OpenGolden();
  EXPECT_EQ(reader->version(), 2);
  EXPECT_THAT(reader->LabelNames(),
              ElementsAre("__name__", "code", "instance", "job", "node", "pod", "room"));
  EXPECT_THAT(reader->LabelValues("__name__"),
              ElementsAre("http_requests_total", "pod_info", "temperature", "up"));
  EXPECT_THAT(reader->LabelValues("room"), ElementsAre("a \"quoted\" room", "b\xc3\xbcro", "kitchen"));
  EXPECT_EQ(reader->LabelValues("pod").size(), 100U);
  EXPECT_EQ(reader->LabelValues("pod").back(), "pod-099");
  EXPECT_TRUE(reader->LabelValues("nope").empty());
  EXPECT_TRUE(reader->LabelValues("").empty());
  EXPECT_EQ(reader->AllPostings()->size(), 123U);
}

TEST(ReaderTest, ReadsSeriesOfPromtoolIndex) {
  const auto reader = OpenGolden();
  const auto refs = reader->PostingsFor(
      {Make(MatchType::kEqual, "__name__", "http_requests_total"), Make(MatchType::kEqual, "code", "404"),
       Make(MatchType::kRegexp, "instance", "host-[1].*"), Make(MatchType::kNotEqual, "job", "web")});
  ASSERT_TRUE(refs.ok()) << refs.status();
  ASSERT_EQ(refs->size(), 1U);
  IndexSeries series;
  ASSERT_TRUE(reader->Series(refs->front(), &series).ok());
  EXPECT_EQ(labels::ToString(series.labels),
            R"({__name__="http_requests_total", code="404", instance="host-1:9090", job="api"})");
  ASSERT_EQ(series.chunks.size(), 2U);
  EXPECT_EQ(series.chunks[0].min_time_ms, 1700006400000);
  EXPECT_EQ(series.chunks[0].max_time_ms, 1700006400000 + 119 * 30'000);
  EXPECT_EQ(series.chunks[1].max_time_ms, 1700006400000 + 199 * 30'000);
  // Only the second chunk, then none.
  EXPECT_TRUE(
      *reader->Series(refs->front(), series.chunks[1].min_time_ms, series.chunks[1].min_time_ms, &series));
  EXPECT_EQ(series.chunks.size(), 1U);
  EXPECT_FALSE(*reader->Series(refs->front(), 0, 1700006399999, &series));
}

TEST(ReaderTest, SeriesAreSortedAndPostingsComplete) {
  const auto reader = OpenGolden();
  IndexSeries series;
  labels::Labels previous;
  const Postings all = *reader->AllPostings();
  for (const SeriesRef ref : all) {
    ASSERT_TRUE(reader->Series(ref, &series).ok());
    EXPECT_TRUE(labels::Compare(previous, series.labels) < 0);
    previous = labels::Labels(labels::LabelSpan(series.labels));
    for (const labels::LabelView& label : series.labels) {
      EXPECT_THAT(*reader->PostingsFor(label.name, label.value), ::testing::Contains(ref));
    }
  }
  EXPECT_TRUE(reader->PostingsFor("pod", "pod-0")->empty());
  EXPECT_TRUE(reader->PostingsFor("pod", "zzz")->empty());
  EXPECT_TRUE(reader->PostingsFor("zzz", "pod")->empty());
}

TEST(ReaderTest, MatchersSelectWhatFilteringSelects) {
  const auto reader = OpenGolden();
  IndexSeries series;
  const std::vector<std::vector<Matcher>> selections = {
      {},
      {Make(MatchType::kRegexp, "pod", "pod-0[0-4].")},
      {Make(MatchType::kNotRegexp, "pod", "pod-0[0-4].")},
      {Make(MatchType::kEqual, "pod", "")},
      {Make(MatchType::kNotEqual, "pod", ""), Make(MatchType::kRegexp, "node", "node-(1|3)")},
      {Make(MatchType::kRegexp, "room", ".*\xc3\xbc.*")},
      {Make(MatchType::kRegexp, "__name__", "up|temperature"), Make(MatchType::kNotRegexp, "job", "api|")},
  };
  for (const auto& matchers : selections) {
    Postings want;
    const Postings all = *reader->AllPostings();
    for (const SeriesRef ref : all) {
      ASSERT_TRUE(reader->Series(ref, &series).ok());
      if (labels::MatchesAll(matchers, series.labels)) {
        want.push_back(ref);
      }
    }
    EXPECT_EQ(*reader->PostingsFor(matchers), want) << labels::ToString(matchers);
  }
}

TEST(ReaderTest, ReadsVersion1) {
  const auto all = testing::SampleSeries(200);
  const std::string index = testing::MakeIndexV1(all);
  const auto reader = Reader::Open(base::SharedBytes{index, nullptr});
  ASSERT_TRUE(reader.ok()) << reader.status();
  EXPECT_EQ((*reader)->version(), 1);
  EXPECT_THAT((*reader)->LabelNames(), ElementsAre("__name__", "pod", "zone"));
  EXPECT_THAT((*reader)->LabelValues("zone"), ElementsAre("a", "b", "c"));
  EXPECT_EQ((*reader)->LabelValues("pod").size(), 200U);
  const Postings refs = *(*reader)->AllPostings();
  ASSERT_EQ(refs.size(), all.size());
  IndexSeries series;
  for (size_t i = 0; i < refs.size(); ++i) {
    ASSERT_TRUE((*reader)->Series(refs[i], &series).ok());
    EXPECT_TRUE(labels::Equal(series.labels, all[i].labels));
    EXPECT_EQ(series.chunks, all[i].chunks);
    EXPECT_THAT(*(*reader)->PostingsFor("pod", all[i].labels.span()[1].value), ElementsAre(refs[i]));
  }
  EXPECT_EQ((*reader)->PostingsFor({Make(MatchType::kRegexp, "pod", "00[1-3].")})->size(), 30U);
  EXPECT_TRUE((*reader)->PostingsFor("pod", "00001")->empty());
}

TEST(ReaderTest, RefusesReferencesOutsideTheSeries) {
  const auto reader = OpenGolden();
  IndexSeries series;
  for (const SeriesRef ref : {0U, 1U, 0xffffffffU, static_cast<SeriesRef>(reader->toc().postings / 16 + 1)}) {
    EXPECT_EQ(reader->Series(ref, &series).code(), base::StatusCode::kDataLoss) << ref;
  }
}

TEST(MapFileTest, SaysWhenThereIsNoFile) {
  EXPECT_EQ(MapFile("/nonexistent/index").status().code(), base::StatusCode::kNotFound);
}

TEST(SymbolTableTest, FindsAndLooksUp) {
  const auto reader = OpenGolden();
  const auto all = reader->symbols().All();
  SymbolCache cache(reader->symbols());
  for (uint32_t i = 0; i < all.size(); ++i) {
    EXPECT_EQ(*reader->symbols().Lookup(i), all[i]);
    EXPECT_EQ(*cache.Lookup(i), all[i]);
    EXPECT_EQ(*cache.Lookup(i), all[i]);
    EXPECT_EQ(reader->symbols().Find(all[i]), i);
  }
  EXPECT_EQ(reader->symbols().Find("no such symbol"), std::nullopt);
  EXPECT_EQ(reader->symbols().Lookup(static_cast<uint32_t>(all.size())).status().code(),
            base::StatusCode::kDataLoss);
}

}  // namespace
}  // namespace thanos::index
