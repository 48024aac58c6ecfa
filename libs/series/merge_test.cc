#include "series/merge.h"

#include <algorithm>
#include <array>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <map>
#include <random>
#include <set>
#include <tuple>
#include <utility>

namespace thanos::series {
namespace {

using TestChunk =
    std::tuple<int64_t, int64_t, std::string>;  // min, max, data; data "agg..." makes aggregates
struct TestSeries {
  labels::Labels labels;
  std::vector<TestChunk> chunks;
  friend bool operator==(const TestSeries&, const TestSeries&) = default;
};

void AddTo(SeriesBatch* batch, const TestSeries& series) {
  base::Arena& arena = batch->arena();
  auto* chunks = arena.AllocateArray<Chunk>(series.chunks.size());
  size_t i = 0;
  for (const auto& [min_time, max_time, data] : series.chunks) {
    Chunk* chunk = new (&chunks[i++]) Chunk{min_time, max_time, {}, nullptr};
    const ChunkData payload{chunkenc::Encoding::kXor, arena.Copy(data), 0};
    if (data.starts_with("agg")) {
      using Aggregates = std::array<ChunkData, 6>;
      auto* aggregates = new (arena.Allocate(sizeof(Aggregates), alignof(Aggregates))) Aggregates();
      (*aggregates)[static_cast<size_t>(Aggregate::kCounter)] = payload;
      chunk->aggregates = aggregates;
    } else {
      chunk->raw = payload;
    }
  }
  batch->series.push_back({labels::CopyTo(arena, series.labels), {chunks, series.chunks.size()}});
}

// Batches of random size.
std::unique_ptr<SeriesSet> MakeSet(const std::vector<TestSeries>& all, std::mt19937& random) {
  std::vector<SeriesBatch> batches(1);
  for (const TestSeries& series : all) {
    if (random() % 3 == 0) {
      batches.emplace_back();
    }
    if (random() % 20 == 0) {
      batches.back().warnings.push_back("w");
    }
    AddTo(&batches.back(), series);
  }
  return FromBatches(std::move(batches));
}

std::vector<TestSeries> Drain(SeriesSet& set, std::vector<std::string>* warnings = nullptr,
                              size_t* batches = nullptr) {
  std::vector<TestSeries> all;
  // Batches are kept until the end and read then, which shows that they own what they point to.
  std::vector<SeriesBatch> kept;
  while (true) {
    SeriesBatch batch;
    const auto more = set.Next({}, &batch);
    EXPECT_TRUE(more.ok()) << more.status();
    if (!more.ok() || !*more) {
      break;
    }
    kept.push_back(std::move(batch));
  }
  for (const SeriesBatch& batch : kept) {
    for (const Series& series : batch.series) {
      TestSeries copy{labels::Labels(series.labels), {}};
      for (const Chunk& chunk : series.chunks) {
        const ChunkData& data = chunk.aggregates == nullptr
                                    ? chunk.raw
                                    : (*chunk.aggregates)[static_cast<size_t>(Aggregate::kCounter)];
        copy.chunks.emplace_back(chunk.min_time_ms, chunk.max_time_ms, std::string(data.data));
      }
      all.push_back(std::move(copy));
    }
    if (warnings != nullptr) {
      warnings->insert(warnings->end(), batch.warnings.begin(), batch.warnings.end());
    }
  }
  if (batches != nullptr) {
    *batches = kept.size();
  }
  return all;
}

std::vector<TestSeries> RandomSeries(std::mt19937& random) {
  std::map<labels::Labels, std::vector<TestChunk>> sorted;
  static constexpr const char* kData[] = {"x", "y", "xx", "agg1", "agg2", ""};
  for (auto count = random() % 40; count > 0; --count) {
    const std::string value = std::to_string(random() % 30);
    labels::Labels labels =
        random() % 2 == 0 ? labels::Labels{{"a", value}} : labels::Labels{{"a", value}, {"b", "1"}};
    std::vector<TestChunk> chunks;
    for (auto number = random() % 5; number > 0; --number) {
      const auto min_time = static_cast<int64_t>(random() % 4);
      chunks.emplace_back(min_time, min_time + static_cast<int64_t>(random() % 3),
                          kData[random() % std::size(kData)]);
    }
    std::ranges::sort(chunks);
    sorted[std::move(labels)] = std::move(chunks);
  }
  std::vector<TestSeries> all;
  for (const auto& [labels, chunks] : sorted) {
    all.push_back({labels, chunks});
    if (random() % 10 == 0) {
      all.push_back({labels, {{9, 9, "tail"}}});  // the same series once more
    }
  }
  return all;
}

TEST(MergeSetsTest, EqualsSortedUniqueConcatenationInAnyOrder) {
  const auto seed = std::random_device{}();
  SCOPED_TRACE(seed);
  std::mt19937 random(seed);
  for (int round = 0; round < 400; ++round) {
    std::vector<std::vector<TestSeries>> inputs(random() % 7);
    std::map<labels::Labels, std::set<TestChunk>> want;
    for (auto& input : inputs) {
      input = RandomSeries(random);
      for (const TestSeries& series : input) {
        want[series.labels].insert(series.chunks.begin(), series.chunks.end());
      }
    }
    std::vector<TestSeries> first_result;
    for (int order = 0; order < 3; ++order) {
      std::vector<std::unique_ptr<SeriesSet>> sets;
      for (const auto& input : inputs) {
        sets.push_back(MakeSet(input, random));
      }
      const auto got = Drain(*MergeSets(std::move(sets)));
      ASSERT_EQ(got.size(), want.size());
      size_t i = 0;
      for (const auto& [labels, chunks] : want) {
        ASSERT_EQ(got[i].labels, labels);
        ASSERT_EQ(std::set<TestChunk>(got[i].chunks.begin(), got[i].chunks.end()), chunks);
        ASSERT_EQ(got[i].chunks.size(), chunks.size()) << "identical chunks are kept once";
        ASSERT_TRUE(std::ranges::is_sorted(got[i].chunks, {}, [](const TestChunk& chunk) {
          return std::pair(std::get<0>(chunk), std::get<1>(chunk));
        }));
        ++i;
      }
      if (order == 0) {
        first_result = got;
      }
      ASSERT_EQ(got, first_result) << "the order of inputs does not matter";
      std::shuffle(inputs.begin(), inputs.end(), random);
    }
  }
}

TEST(MergeSetsTest, BoundsBatches) {
  std::mt19937 random(1);
  std::vector<TestSeries> many;
  for (int i = 0; i < 1000; ++i) {
    many.push_back({labels::Labels{{"a", std::to_string(1000 + i)}}, {{1, 2, std::string(100, 'x')}}});
  }
  std::vector<std::unique_ptr<SeriesSet>> sets;
  sets.push_back(MakeSet(many, random));
  sets.push_back(MakeSet(many, random));
  size_t batches = 0;
  EXPECT_EQ(Drain(*MergeSets(std::move(sets)), nullptr, &batches), many);
  EXPECT_EQ(batches, 4U);
  std::vector<TestSeries> large;
  for (int i = 0; i < 10; ++i) {
    large.push_back({labels::Labels{{"a", std::to_string(i)}}, {{1, 2, std::string(600'000, 'x')}}});
  }
  sets.clear();
  sets.push_back(MakeSet(large, random));
  EXPECT_EQ(Drain(*MergeSets(std::move(sets)), nullptr, &batches), large);
  EXPECT_EQ(batches, 5U);
}

TEST(MergeSetsTest, PassesWarningsOn) {
  std::vector<std::unique_ptr<SeriesSet>> sets;
  for (const char* text : {"one", "two"}) {
    std::vector<SeriesBatch> batches(1);
    batches[0].warnings.push_back(text);
    sets.push_back(FromBatches(std::move(batches)));
  }
  std::vector<std::string> warnings;
  EXPECT_TRUE(Drain(*MergeSets(std::move(sets)), &warnings).empty());
  EXPECT_THAT(warnings, ::testing::ElementsAre("one", "two"));
  EXPECT_TRUE(Drain(*MergeSets({})).empty());
}

class FailingSet final : public SeriesSet {
 public:
  base::StatusOr<bool> Next(const base::CancelToken&, SeriesBatch* batch) override {
    batch->Clear();
    if (calls_++ == 0) {
      AddTo(batch, {labels::Labels{{"a", "1"}}, {}});
      return true;
    }
    return base::Unavailable("store is gone");
  }

 private:
  int calls_ = 0;
};

TEST(MergeSetsTest, ErrorsEndTheMerge) {
  std::vector<std::unique_ptr<SeriesSet>> sets;
  sets.push_back(std::make_unique<FailingSet>());
  sets.push_back(FromBatches({}));
  const auto merged = MergeSets(std::move(sets));
  SeriesBatch batch;
  EXPECT_EQ(merged->Next({}, &batch).status().code(), base::StatusCode::kUnavailable);
  EXPECT_TRUE(batch.empty());
  EXPECT_EQ(merged->Next({}, &batch).status().code(), base::StatusCode::kUnavailable);
}

TEST(LimitTest, CountsLabelSets) {
  std::mt19937 random(2);
  const std::vector<TestSeries> all = {{labels::Labels{{"a", "1"}}, {{1, 2, "x"}}},
                                       {labels::Labels{{"a", "1"}}, {{3, 4, "x"}}},
                                       {labels::Labels{{"a", "2"}}, {}},
                                       {labels::Labels{{"a", "2"}}, {}},
                                       {labels::Labels{{"a", "3"}}, {}}};
  for (int round = 0; round < 50; ++round) {
    EXPECT_EQ(Drain(*Limit(MakeSet(all, random), 2)), std::vector<TestSeries>(all.begin(), all.begin() + 4));
    EXPECT_EQ(Drain(*Limit(MakeSet(all, random), 3)), all);
    EXPECT_EQ(Drain(*Limit(MakeSet(all, random), 0)), all);
    EXPECT_EQ(Drain(*Limit(MakeSet(all, random), 100)), all);
  }
}

TEST(WithoutLabelsTest, RemovesAndSorts) {
  const auto seed = std::random_device{}();
  SCOPED_TRACE(seed);
  std::mt19937 random(seed);
  std::vector<TestSeries> input;
  for (const char* replica : {"0", "1"}) {
    for (int i = 0; i < 300; ++i) {
      input.push_back(
          {labels::Labels{{"a_replica", replica}, {"series", std::to_string(1000 + i)}}, {{1, 2, replica}}});
    }
  }
  const auto got = Drain(*WithoutLabels(MakeSet(input, random), {"a_replica", "other"}));
  ASSERT_EQ(got.size(), 600U);
  for (size_t i = 0; i < got.size(); ++i) {
    EXPECT_EQ(got[i].labels, (labels::Labels{{"series", std::to_string(1000 + i / 2)}}));
    EXPECT_EQ(std::get<2>(got[i].chunks[0]), i % 2 == 0 ? "0" : "1");
  }
}

TEST(WithoutLabelsTest, KeepsWarnings) {
  std::vector<SeriesBatch> batches(1);
  batches[0].warnings.push_back("one");
  std::vector<std::string> warnings;
  EXPECT_TRUE(Drain(*WithoutLabels(FromBatches(std::move(batches)), {"a"}), &warnings).empty());
  EXPECT_THAT(warnings, ::testing::ElementsAre("one"));
}

}  // namespace
}  // namespace thanos::series
