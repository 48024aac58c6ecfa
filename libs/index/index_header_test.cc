#include "index/index_header.h"

#include <filesystem>
#include <gtest/gtest.h>
#include <map>

#include "index/internal/testing.h"

namespace thanos::index {
namespace {

TEST(IndexHeaderTest, SaysWhatTheIndexSays) {
  const std::string index = testing::ReadFile(testing::GoldenIndexPath());
  const auto reader = Reader::Open(base::SharedBytes{index, nullptr});
  ASSERT_TRUE(reader.ok()) << reader.status();
  const std::string path = testing::TempPath("index-header");
  ASSERT_TRUE(IndexHeader::Build(testing::ReadFrom(index), index.size(), path).ok());
  EXPECT_FALSE(std::filesystem::exists(path + ".tmp"));
  const auto header = IndexHeader::Open(path);
  ASSERT_TRUE(header.ok()) << header.status();
  EXPECT_EQ((*header)->index_version(), 2);
  EXPECT_EQ((*header)->toc(), (*reader)->toc());
  EXPECT_EQ((*header)->LabelNames(), (*reader)->LabelNames());
  for (const std::string_view name : (*header)->LabelNames()) {
    const auto values = (*header)->LabelValues(name);
    EXPECT_EQ(values, (*reader)->LabelValues(name));
    const auto ranges = (*header)->PostingsRanges(name, values);
    for (size_t i = 0; i < values.size(); ++i) {
      const auto list =
          DecodePostings(std::string_view(index).substr(ranges[i].begin, ranges[i].size()), "list");
      ASSERT_TRUE(list.ok()) << list.status();
      EXPECT_EQ(*list, *(*reader)->PostingsFor(name, values[i]));
    }
  }
  const ByteRange all = (*header)->AllPostingsRange();
  EXPECT_EQ(*DecodePostings(std::string_view(index).substr(all.begin, all.size()), "all"),
            *(*reader)->AllPostings());
  EXPECT_EQ((*header)->symbols().All(), (*reader)->symbols().All());
  EXPECT_EQ(*(*header)->Symbol(1), *(*reader)->symbols().Lookup(1));
}

TEST(IndexHeaderTest, AbsentValuesHaveEmptyRanges) {
  const std::string index = testing::ReadFile(testing::GoldenIndexPath());
  const auto header = IndexHeader::FromBytes(
      base::SharedBytes::FromString(*IndexHeader::BuildBytes(testing::ReadFrom(index), index.size())));
  ASSERT_TRUE(header.ok()) << header.status();
  const auto ranges = (*header)->PostingsRanges("pod", {"", "pod-000", "pod-0005", "pod-032", "zzz"});
  EXPECT_EQ(ranges.size(), 5U);
  EXPECT_TRUE(ranges[0].empty());
  EXPECT_FALSE(ranges[1].empty());
  EXPECT_TRUE(ranges[2].empty());
  EXPECT_FALSE(ranges[3].empty());
  EXPECT_TRUE(ranges[4].empty());
}

TEST(IndexHeaderTest, PrefixVisitsOnlyItsValues) {
  const std::string index = testing::ReadFile(testing::GoldenIndexPath());
  const auto header = IndexHeader::FromBytes(
      base::SharedBytes::FromString(*IndexHeader::BuildBytes(testing::ReadFrom(index), index.size())));
  ASSERT_TRUE(header.ok()) << header.status();
  for (const auto& entry : std::map<std::string, int>{
           {"", 100}, {"pod-0", 100}, {"pod-03", 10}, {"pod-031", 1}, {"pod-1", 0}, {"a", 0}, {"zz", 0}}) {
    const std::string& prefix = entry.first;
    int visited = 0;
    (*header)->postings_table().VisitValues("pod", prefix, [&](std::string_view value, ByteRange range) {
      EXPECT_TRUE(value.starts_with(prefix));
      EXPECT_FALSE(range.empty());
      ++visited;
      return true;
    });
    EXPECT_EQ(visited, entry.second) << prefix;
  }
  int visited = 0;
  (*header)->postings_table().VisitValues("pod", "",
                                          [&](std::string_view, ByteRange) { return ++visited < 7; });
  EXPECT_EQ(visited, 7);
}

TEST(IndexHeaderTest, LayoutIsThanosLayout) {
  const std::string index = testing::ReadFile(testing::GoldenIndexPath());
  const Toc toc = *ParseToc(std::string_view(index).substr(index.size() - kTocBytes), index.size());
  const std::string bytes = *IndexHeader::BuildBytes(testing::ReadFrom(index), index.size());
  std::string want("\xBA\xAA\xD7\x92\x01\x02", 6);
  base::AppendBigEndian64(want, toc.postings_offset_table);
  want += index.substr(toc.symbols, toc.series - toc.symbols);
  const size_t postings = want.size();
  want += index.substr(toc.postings_offset_table);
  std::string footer;
  base::AppendBigEndian64(footer, 14);
  base::AppendBigEndian64(footer, postings);
  base::AppendBigEndian32(footer, encoding::Crc32c(footer));
  EXPECT_EQ(bytes, want + footer);
}

TEST(IndexHeaderTest, BuildReadsNoSeriesAndNoPostings) {
  const std::string index = testing::ReadFile(testing::GoldenIndexPath());
  const Toc toc = *ParseToc(std::string_view(index).substr(index.size() - kTocBytes), index.size());
  const RangeReader counting = [&](uint64_t offset, uint64_t length) {
    EXPECT_TRUE(offset + length <= toc.series || offset >= toc.postings_offset_table)
        << offset << " " << length;
    return testing::ReadFrom(index)(offset, length);
  };
  EXPECT_TRUE(IndexHeader::BuildBytes(counting, index.size()).ok());
}

TEST(IndexHeaderTest, HandlesVersion1) {
  const auto all = testing::SampleSeries(200);
  const std::string index = testing::MakeIndexV1(all);
  const auto reader = Reader::Open(base::SharedBytes{index, nullptr});
  ASSERT_TRUE(reader.ok()) << reader.status();
  const auto header = IndexHeader::FromBytes(
      base::SharedBytes::FromString(*IndexHeader::BuildBytes(testing::ReadFrom(index), index.size())));
  ASSERT_TRUE(header.ok()) << header.status();
  EXPECT_EQ((*header)->index_version(), 1);
  for (const std::string_view value : (*header)->LabelValues("pod")) {
    const ByteRange range = (*header)->PostingsRanges("pod", {value})[0];
    EXPECT_EQ(*DecodePostings(std::string_view(index).substr(range.begin, range.size()), "list"),
              *(*reader)->PostingsFor("pod", value));
  }
  IndexSeries series;
  const SeriesRef first = (*reader)->AllPostings()->front();
  ASSERT_TRUE((*reader)->Series(first, &series).ok());
  EXPECT_EQ(*(*header)->Symbol(series.symbols[0].name), "__name__");
}

TEST(IndexHeaderTest, FailedBuildLeavesNothing) {
  std::string index = testing::ReadFile(testing::GoldenIndexPath());
  const Toc toc = *ParseToc(std::string_view(index).substr(index.size() - kTocBytes), index.size());
  index[toc.symbols + 20] ^= 1;
  const std::string path = testing::TempPath("index-header");
  EXPECT_EQ(IndexHeader::Build(testing::ReadFrom(index), index.size(), path).code(),
            base::StatusCode::kDataLoss);
  EXPECT_FALSE(std::filesystem::exists(path));
  EXPECT_FALSE(std::filesystem::exists(path + ".tmp"));
  EXPECT_EQ(IndexHeader::Open(path).status().code(), base::StatusCode::kNotFound);
}

TEST(IndexHeaderTest, ShortReadsAreErrors) {
  const std::string index = testing::ReadFile(testing::GoldenIndexPath());
  const RangeReader shortening = [&](uint64_t offset, uint64_t length) {
    return testing::ReadFrom(index)(offset, length - (length > 100 ? 1 : 0));
  };
  EXPECT_EQ(IndexHeader::BuildBytes(shortening, index.size()).status().code(), base::StatusCode::kDataLoss);
}

}  // namespace
}  // namespace thanos::index
