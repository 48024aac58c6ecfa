#include "promstore/series_order.h"

#include <algorithm>
#include <gtest/gtest.h>
#include <map>
#include <random>
#include <string>
#include <utility>
#include <vector>

namespace thanos::promstore {
namespace {

using Pairs = std::map<std::string, std::string>;

labels::Labels ToLabels(const Pairs& pairs) {
  std::vector<labels::LabelView> views;
  for (const auto& [name, value] : pairs) {
    views.push_back({name, value});
  }
  return labels::Labels(views);
}

// Batches of `per_batch` series; each series carries its number as the time of its only chunk.
std::unique_ptr<series::SeriesSet> MakeSet(const std::vector<labels::Labels>& sets, size_t per_batch) {
  std::vector<series::SeriesBatch> batches;
  for (size_t i = 0; i < sets.size(); ++i) {
    if (i % per_batch == 0) {
      batches.emplace_back();
    }
    series::SeriesBatch& batch = batches.back();
    auto* chunk = new (batch.arena().Allocate(sizeof(series::Chunk), alignof(series::Chunk))) series::Chunk();
    chunk->min_time_ms = static_cast<int64_t>(i);
    batch.series.push_back({.labels = labels::CopyTo(batch.arena(), sets[i].span()), .chunks = {chunk, 1}});
  }
  return series::FromBatches(std::move(batches));
}

struct Drained {
  std::vector<std::string> labels;
  std::vector<int64_t> numbers;
  base::Status status;
};

Drained Drain(std::unique_ptr<series::SeriesSet> set) {
  Drained drained;
  series::SeriesBatch batch;
  while (true) {
    const auto more = set->Next({}, &batch);
    drained.status = more.status();
    if (!more.ok() || !*more) {
      return drained;
    }
    for (const series::Series& series : batch.series) {
      drained.labels.push_back(labels::ToString(series.labels));
      drained.numbers.push_back(series.chunks[0].min_time_ms);
    }
  }
}

OrderOptions Options(const labels::Labels& external, std::vector<std::string> without = {}) {
  return {.rewriter = std::make_shared<const LabelRewriter>(external, std::move(without)), .shard = {}};
}

TEST(SeriesOrderTest, ExternalLabelsWinAndReplicaLabelsGo) {
  const LabelRewriter rewriter({{"cluster", "east"}, {"replica", "r1"}}, {"replica", "pod"});
  base::Arena arena;
  const labels::Labels series{{"__name__", "up"}, {"cluster", "own"}, {"pod", "p"}, {"replica", "x"}};
  EXPECT_EQ(labels::ToString(rewriter.Rewrite(arena, series.span())), R"({__name__="up", cluster="east"})");
  const labels::Labels final{{"__name__", "up"}, {"cluster", "east"}};
  EXPECT_EQ(rewriter.Rewrite(arena, final.span()).data(), final.span().data());
  EXPECT_TRUE(rewriter.TouchesAny({"__name__", "pod"}));
  EXPECT_TRUE(rewriter.TouchesAny({"cluster"}));
  EXPECT_FALSE(rewriter.TouchesAny({"__name__", "job"}));
}

TEST(SeriesOrderTest, GroupsRestoreOrderOfPrefixes) {
  const labels::Labels external{{"c", "x"}};
  // In the order of the labels without c.
  const std::vector<labels::Labels> sets = {{{"a", "1"}, {"c", "x"}},
                                            {{"a", "1"}, {"b", "1"}, {"c", "x"}},
                                            {{"a", "1"}, {"b", "1"}, {"c", "x"}},
                                            {{"a", "2"}, {"c", "x"}}};
  for (size_t per_batch = 1; per_batch <= 4; ++per_batch) {
    const auto broken = std::make_shared<std::atomic<bool>>(false);
    const Drained drained = Drain(SortGroups(MakeSet(sets, per_batch), Options(external), broken));
    EXPECT_TRUE(drained.status.ok());
    EXPECT_EQ(drained.numbers, (std::vector<int64_t>{1, 2, 0, 3}));
    EXPECT_FALSE(broken->load());
  }
}

TEST(SeriesOrderTest, GroupsAndFullSortAgreeOnRandomSeries) {
  const unsigned seed = std::random_device()();
  std::mt19937 random(seed);
  for (int round = 0; round < 300; ++round) {
    Pairs external = {{"c", "x"}};
    if (random() % 2 == 0) {
      external["e"] = "y";
    }
    std::vector<labels::Labels> own;
    for (int i = 0; i < 40; ++i) {
      Pairs pairs;
      for (const char* name : {"A", "a", "b", "d", "f"}) {
        if (random() % 3 != 0) {
          pairs[name] = std::to_string(random() % 2);
        }
      }
      own.push_back(ToLabels(pairs));
    }
    std::sort(own.begin(), own.end());
    std::vector<labels::Labels> wire;
    for (const labels::Labels& labels : own) {
      Pairs pairs = external;
      for (const labels::LabelView& label : labels) {
        pairs[std::string(label.name)] = label.value;
      }
      wire.push_back(ToLabels(pairs));
    }
    const std::vector<std::string> without =
        random() % 2 == 0 ? std::vector<std::string>{"c"} : std::vector<std::string>{};
    const OrderOptions options = Options(ToLabels(external), without);
    const Drained full = Drain(SortAll(MakeSet(wire, 7), options));
    const Drained groups =
        Drain(SortGroups(MakeSet(wire, 7), options, std::make_shared<std::atomic<bool>>(false)));
    ASSERT_TRUE(groups.status.ok()) << "seed " << seed << ": " << groups.status;
    ASSERT_EQ(groups.labels, full.labels) << "seed " << seed;
    ASSERT_EQ(groups.numbers, full.numbers) << "seed " << seed;
  }
}

TEST(SeriesOrderTest, ABrokenPromiseIsNoticed) {
  const auto broken = std::make_shared<std::atomic<bool>>(false);
  const Drained drained =
      Drain(SortGroups(MakeSet({{{"a", "2"}}, {{"a", "1"}}}, 1), Options({{"c", "x"}}), broken));
  EXPECT_EQ(drained.status.code(), base::StatusCode::kAborted);
  EXPECT_TRUE(broken->load());
}

TEST(SeriesOrderTest, ShardsPartTheSeries) {
  std::vector<labels::Labels> sets;
  for (int i = 0; i < 50; ++i) {
    sets.push_back(ToLabels({{"a", std::to_string(100 + i)}}));
  }
  size_t total = 0;
  for (int64_t shard = 0; shard < 3; ++shard) {
    OrderOptions options = Options({{"c", "x"}});
    options.shard = {.shard_index = shard, .total_shards = 3, .by = true, .labels = {"a"}};
    const Drained full = Drain(SortAll(MakeSet(sets, 10), options));
    const Drained groups =
        Drain(SortGroups(MakeSet(sets, 10), options, std::make_shared<std::atomic<bool>>(false)));
    EXPECT_EQ(full.labels, groups.labels);
    EXPECT_LT(full.labels.size(), sets.size());
    total += full.labels.size();
  }
  EXPECT_EQ(total, sets.size());
}

}  // namespace
}  // namespace thanos::promstore
