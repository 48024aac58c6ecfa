#include "index/writer.h"

#include <filesystem>
#include <gtest/gtest.h>
#include <map>
#include <random>
#include <utility>
#include <vector>

#include "index/internal/testing.h"
#include "index/mapped_file.h"
#include "labels/builder.h"

namespace thanos::index {
namespace {

TEST(WriterTest, RewritesPromtoolIndexByteForByte) {
  const std::string golden = testing::ReadFile(testing::GoldenIndexPath());
  const auto reader = Reader::Open(base::SharedBytes{golden, nullptr});
  ASSERT_TRUE(reader.ok()) << reader.status();
  for (const uint64_t max_postings : {uint64_t{1}, uint64_t{150}, uint64_t{1} << 20}) {
    const std::string path = testing::TempPath("index");
    const auto writer = Writer::Create(path, {.label_indices = true, .max_postings_in_memory = max_postings});
    ASSERT_TRUE(writer.ok()) << writer.status();
    for (const std::string_view symbol : (*reader)->symbols().All()) {
      ASSERT_TRUE((*writer)->AddSymbol(symbol).ok());
    }
    IndexSeries series;
    const Postings refs = *(*reader)->AllPostings();
    for (const SeriesRef ref : refs) {
      ASSERT_TRUE((*reader)->Series(ref, &series).ok());
      ASSERT_TRUE((*writer)->AddSeries(series.labels, series.chunks).ok());
    }
    ASSERT_TRUE((*writer)->Finish().ok());
    EXPECT_EQ((*writer)->num_series(), 123U);
    EXPECT_GT((*writer)->max_series_bytes(), 20U);
    EXPECT_EQ(testing::ReadFile(path) == golden, true) << "with passes of " << max_postings;
  }
}

TEST(WriterTest, SymbolsByNumberGiveTheSameFile) {
  const std::string golden = testing::ReadFile(testing::GoldenIndexPath());
  const auto reader = Reader::Open(base::SharedBytes{golden, nullptr});
  ASSERT_TRUE(reader.ok()) << reader.status();
  const std::string path = testing::TempPath("index");
  const auto writer = Writer::Create(path, {.label_indices = true});
  ASSERT_TRUE(writer.ok()) << writer.status();
  const std::vector<std::string_view> symbols = (*reader)->symbols().All();
  ASSERT_TRUE((*writer)->SetSymbols(symbols).ok());
  SeriesEntry entry;
  const Postings refs = *(*reader)->AllPostings();
  for (const SeriesRef ref : refs) {
    uint64_t entry_bytes = 0;
    ASSERT_TRUE((*reader)->Entry(ref, &entry, &entry_bytes).ok());
    EXPECT_GT(entry_bytes, 10U);
    ASSERT_TRUE((*writer)->AddSeries(entry.labels, entry.chunks).ok());
  }
  ASSERT_TRUE((*writer)->Finish().ok());
  EXPECT_TRUE(testing::ReadFile(path) == golden);
}

TEST(WriterTest, RefusesSymbolsByNumberThatDoNotFit) {
  const std::vector<std::string_view> unsorted = {"", "b", "a"};
  EXPECT_FALSE((*Writer::Create(testing::TempPath("index")))->SetSymbols(unsorted).ok());
  const std::vector<std::string_view> symbols = {"", "a", "b"};
  using Pairs = std::vector<SymbolPair>;
  for (const Pairs& pairs : {Pairs{{1, 3}}, Pairs{{3, 1}}, Pairs{{2, 1}, {1, 1}}}) {
    const auto writer = Writer::Create(testing::TempPath("index"));
    ASSERT_TRUE((*writer)->SetSymbols(symbols).ok());
    EXPECT_FALSE((*writer)->SetSymbols(symbols).ok());
    EXPECT_FALSE((*writer)->AddSymbol("z").ok());
    EXPECT_EQ((*writer)->AddSeries(pairs, {}).code(), base::StatusCode::kInvalidArgument);
  }
  const auto writer = Writer::Create(testing::TempPath("index"));
  ASSERT_TRUE((*writer)->SetSymbols(symbols).ok());
  ASSERT_TRUE((*writer)->AddSeries(Pairs{{1, 2}}, {}).ok());
  EXPECT_EQ((*writer)->AddSeries(Pairs{{1, 1}}, {}).code(), base::StatusCode::kInvalidArgument);
}

TEST(WriterTest, ReadsBackRandomSeries) {
  const auto seed = std::random_device{}();
  SCOPED_TRACE(seed);
  std::mt19937_64 random(seed);
  for (int round = 0; round < 20; ++round) {
    std::map<labels::Labels, std::vector<ChunkMeta>> sorted;
    for (auto count = random() % 300; count > 0; --count) {
      labels::LabelBuilder builder;
      for (auto names = random() % 6; names > 0; --names) {
        builder.Set("n" + std::to_string(random() % 8), "v" + std::to_string(random() % 60));
      }
      std::vector<ChunkMeta> chunks;
      int64_t time = static_cast<int64_t>(random() % 4000) - 2000;
      for (auto number = random() % 5; number > 0; --number) {
        const auto width = static_cast<int64_t>(random() % 1000);
        chunks.push_back({random() >> 20, time, time + width});
        time += width + 1 + static_cast<int64_t>(random() % 10);
      }
      sorted[builder.Build()] = chunks;
    }
    std::vector<testing::TestSeries> all;
    for (const auto& [labels, chunks] : sorted) {
      all.push_back({labels, chunks});
    }
    const std::string path = testing::TempPath("index");
    const WriterOptions options{.label_indices = round % 2 == 0,
                                .max_postings_in_memory = 1 + random() % 500};
    const base::Status status = testing::WriteIndex(all, path, options);
    ASSERT_TRUE(status.ok()) << status;
    const auto reader = Reader::Open(*MapFile(path));
    ASSERT_TRUE(reader.ok()) << reader.status();
    const Postings refs = *(*reader)->AllPostings();
    ASSERT_EQ(refs.size(), all.size());
    IndexSeries series;
    std::map<std::pair<std::string, std::string>, Postings> lists;
    for (size_t i = 0; i < refs.size(); ++i) {
      ASSERT_TRUE((*reader)->Series(refs[i], &series).ok());
      ASSERT_TRUE(labels::Equal(series.labels, all[i].labels));
      ASSERT_EQ(series.chunks, all[i].chunks);
      for (const labels::LabelView& label : series.labels) {
        lists[{std::string(label.name), std::string(label.value)}].push_back(refs[i]);
      }
    }
    for (const auto& [pair, list] : lists) {
      ASSERT_EQ(*(*reader)->PostingsFor(pair.first, pair.second), list);
    }
  }
}

TEST(WriterTest, WritesAnEmptyIndex) {
  const std::string path = testing::TempPath("index");
  ASSERT_TRUE(testing::WriteIndex({}, path).ok());
  const auto reader = Reader::Open(*MapFile(path));
  ASSERT_TRUE(reader.ok()) << reader.status();
  EXPECT_TRUE((*reader)->AllPostings()->empty());
  EXPECT_TRUE((*reader)->LabelNames().empty());
}

TEST(WriterTest, RefusesWrongOrder) {
  const std::string path = testing::TempPath("index");
  {
    const auto writer = Writer::Create(path);
    ASSERT_TRUE((*writer)->AddSymbol("a").ok());
    EXPECT_FALSE((*writer)->AddSymbol("a").ok());
    ASSERT_TRUE((*writer)->AddSymbol("b").ok());
    EXPECT_FALSE((*writer)->AddSeries(labels::Labels{{"a", "c"}}, {}).ok());
    ASSERT_TRUE((*writer)->AddSeries(labels::Labels{{"a", "b"}}, {}).ok());
    EXPECT_FALSE((*writer)->AddSeries(labels::Labels{{"a", "b"}}, {}).ok());
    EXPECT_FALSE((*writer)->AddSeries(labels::Labels{{"a", "a"}}, {}).ok());
    EXPECT_FALSE((*writer)->AddSymbol("c").ok());
    const ChunkMeta backwards[] = {{1, 10, 9}};
    EXPECT_FALSE((*writer)->AddSeries(labels::Labels{{"b", "b"}}, backwards).ok());
    const labels::LabelView unsorted[] = {{"b", "a"}, {"a", "a"}};
    EXPECT_FALSE((*writer)->AddSeries(unsorted, {}).ok());
  }
  EXPECT_FALSE(std::filesystem::exists(path)) << "unfinished files are removed";
}

}  // namespace
}  // namespace thanos::index
