#include "bucketstore/internal/series_order.h"

#include <algorithm>
#include <map>
#include <random>

#include "bucketstore/internal/block_reader.h"
#include "gtest/gtest.h"

namespace thanos::bucketstore::internal {
namespace {

struct Input {
  std::vector<labels::LabelView> stored;
  std::vector<index::SymbolPair> ids;
};

// Ids in the order of the strings, as in an index.
std::vector<Input> ToInputs(const std::vector<labels::Labels>& sorted) {
  std::map<std::string_view, uint32_t> symbols;
  for (const labels::Labels& series : sorted) {
    for (const labels::LabelView& label : series) {
      symbols[label.name] = 0;
      symbols[label.value] = 0;
    }
  }
  uint32_t next = 0;
  for (auto& [text, id] : symbols) {
    id = next++;
  }
  std::vector<Input> inputs;
  for (const labels::Labels& series : sorted) {
    Input& input = inputs.emplace_back();
    for (const labels::LabelView& label : series) {
      input.stored.push_back(label);
      input.ids.push_back({symbols[label.name], symbols[label.value]});
    }
  }
  return inputs;
}

void CheckOrder(const std::vector<labels::Labels>& sorted, const labels::Labels& external, size_t batch) {
  base::Arena arena;
  const std::vector<Input> inputs = ToInputs(sorted);
  std::vector<labels::LabelSpan> want;
  SeriesOrder order(external.empty() ? std::string_view() : (external.end() - 1)->name);
  std::vector<series::Series> got;
  std::vector<index::SeriesRef> todo;
  size_t next = 0;
  const auto push = [&](index::SeriesRef ref) {
    const Input& input = inputs[ref];
    order.Push(ref, input.ids, input.stored, {CopyWithExternal(arena, input.stored, external), {}}, &got);
  };
  while (next < inputs.size()) {
    for (const index::SeriesRef ref : order.TakeHeld()) {
      push(ref);
    }
    for (size_t i = 0; i < batch && next < inputs.size(); ++i) {
      push(static_cast<index::SeriesRef>(next++));
    }
  }
  order.Flush(&got);
  for (const Input& input : inputs) {
    want.push_back(CopyWithExternal(arena, input.stored, external));
  }
  std::sort(want.begin(), want.end(),
            [](labels::LabelSpan a, labels::LabelSpan b) { return labels::Compare(a, b) < 0; });
  ASSERT_EQ(got.size(), want.size());
  for (size_t i = 0; i < got.size(); ++i) {
    EXPECT_TRUE(labels::Equal(got[i].labels, want[i]))
        << i << ": " << labels::ToString(got[i].labels) << " instead of " << labels::ToString(want[i]);
  }
}

TEST(CopyWithExternalTest, ExternalLabelsWin) {
  base::Arena arena;
  const labels::Labels stored({{"a", "1"}, {"c", "3"}, {"e", "5"}});
  EXPECT_EQ(
      labels::ToString(CopyWithExternal(arena, stored, labels::Labels({{"b", "x"}, {"c", "y"}, {"z", "q"}}))),
      "{a=\"1\", b=\"x\", c=\"y\", e=\"5\", z=\"q\"}");
  EXPECT_EQ(labels::ToString(CopyWithExternal(arena, stored, {})), labels::ToString(stored));
}

TEST(SeriesOrderTest, PrefixesMoveBehindSeriesWithSmallerNames) {
  const std::vector<labels::Labels> series = {
      labels::Labels({{"a", "1"}}), labels::Labels({{"a", "1"}, {"b", "2"}}),
      labels::Labels({{"a", "1"}, {"b", "2"}, {"c", "3"}}), labels::Labels({{"a", "1"}, {"z", "2"}}),
      labels::Labels({{"a", "2"}})};
  CheckOrder(series, labels::Labels({{"m", "x"}}), 100);
  CheckOrder(series, labels::Labels({{"m", "x"}}), 1);
  CheckOrder(series, labels::Labels({{"b2", "x"}, {"zz", "y"}}), 2);
  CheckOrder(series, {}, 2);
}

TEST(SeriesOrderTest, EqualsASortOnRandomSeries) {
  const unsigned seed = std::random_device()();
  SCOPED_TRACE(base::Concat("seed ", seed));
  std::mt19937 random(seed);
  const std::vector<std::string> names = {"a", "c", "e", "g", "i"};
  const std::vector<std::string> external_names = {"b", "d", "f", "h", "j"};
  for (int round = 0; round < 300; ++round) {
    std::vector<labels::Labels> series;
    for (int i = 0; i < 30; ++i) {
      std::vector<labels::LabelView> views;
      for (const std::string& name : names) {
        if (random() % 2 == 0) {
          views.push_back({name, random() % 2 == 0 ? "1" : "2"});
        }
      }
      series.emplace_back(labels::LabelSpan(views));
    }
    std::sort(series.begin(), series.end());
    series.erase(std::unique(series.begin(), series.end()), series.end());
    std::vector<labels::LabelView> external;
    for (const std::string& name : external_names) {
      if (random() % 3 == 0) {
        external.push_back({name, "x"});
      }
    }
    CheckOrder(series, labels::Labels(labels::LabelSpan(external)), 1 + random() % 5);
  }
}

}  // namespace
}  // namespace thanos::bucketstore::internal
