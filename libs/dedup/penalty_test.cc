#include "dedup/penalty.h"

#include <bit>
#include <cmath>
#include <gtest/gtest.h>
#include <limits>
#include <optional>
#include <random>
#include <vector>

#include "dedup/chain.h"

namespace thanos::dedup {
namespace {

using chunkenc::SampleColumns;

SampleColumns Columns(const std::vector<int64_t>& timestamps, double value) {
  SampleColumns columns;
  for (const int64_t timestamp : timestamps) {
    columns.timestamps.push_back(timestamp);
    columns.values.push_back(value++);
  }
  return columns;
}

// A scrape target read by one replica: 15 s apart with jitter, with gaps and stale markers; counters grow
// with time.
SampleColumns RandomReplica(std::mt19937_64& random, int64_t start, size_t count) {
  SampleColumns columns;
  int64_t base = start + static_cast<int64_t>(random() % 15'000);
  double reset_base = 0;
  for (size_t i = 0; i < count; ++i) {
    base += 15'000;
    if (random() % 25 == 0) {
      base += static_cast<int64_t>(15'000 * (random() % 20));
    }
    if (random() % 40 == 0) {
      reset_base = -static_cast<double>(base);
    }
    const int64_t timestamp = base + static_cast<int64_t>(random() % 400);
    columns.timestamps.push_back(timestamp);
    columns.values.push_back(random() % 30 == 0 ? chunkenc::StaleNan()
                                                : static_cast<double>(timestamp) + reset_base);
  }
  return columns;
}

// The algorithm as it is written down, one sample at a time.
class NaiveMerge {
 public:
  NaiveMerge(const SampleColumns& a, const SampleColumns& b, bool adjust) : a_{&a}, b_{&b}, adjust_(adjust) {}

  SampleColumns Run() {
    SampleColumns out;
    while (Next(&out)) {
    }
    return out;
  }

 private:
  struct Side {
    const SampleColumns* columns;
    size_t position = 0;
    int64_t penalty = 0;
    double adjustment = 0;
    bool done() const { return position >= columns->size(); }
    int64_t time() const { return columns->timestamps[position]; }
    double value() const {
      const double raw = columns->values[position];
      return std::isnan(raw) ? raw : raw + adjustment;
    }
    void Seek(int64_t target) {
      while (!done() && time() < target) {
        ++position;
      }
    }
  };

  bool Next(SampleColumns* out) {
    if (last_time_.has_value()) {
      a_.Seek(*last_time_ + 1 + a_.penalty);
      b_.Seek(*last_time_ + 1 + b_.penalty);
    }
    if (a_.done() && b_.done()) {
      return false;
    }
    const bool use_a = b_.done() || (!a_.done() && a_.time() <= b_.time());
    Side& used = use_a ? a_ : b_;
    Side& other = use_a ? b_ : a_;
    if (!other.done()) {
      other.penalty = last_time_.has_value() ? 2 * (used.time() - *last_time_) : 5000;
    }
    used.penalty = 0;
    if (adjust_ && last_time_.has_value() && use_a != used_a_) {
      for (Side* side : {&a_, &b_}) {
        if (!side->done() && side->value() < last_value_) {
          side->adjustment += last_value_ - side->value();
        }
      }
    }
    used_a_ = use_a;
    last_time_ = used.time();
    last_value_ = used.value();
    out->timestamps.push_back(*last_time_);
    out->values.push_back(last_value_);
    return true;
  }

  Side a_;
  Side b_;
  bool adjust_;
  bool used_a_ = true;
  std::optional<int64_t> last_time_;
  double last_value_ = 0;
};

void ExpectEqual(const SampleColumns& got, const SampleColumns& want) {
  ASSERT_EQ(got.timestamps, want.timestamps);
  ASSERT_EQ(got.values.size(), want.values.size());
  for (size_t i = 0; i < want.size(); ++i) {
    ASSERT_EQ(std::bit_cast<uint64_t>(got.values[i]), std::bit_cast<uint64_t>(want.values[i])) << i;
  }
}

SampleColumns Merge(SampleColumns a, SampleColumns b, bool adjust) {
  SampleColumns out;
  AppendPenaltyMerge(a, b, adjust, &out);
  return out;
}

TEST(PenaltyMergeTest, EqualsTheWrittenAlgorithm) {
  const uint64_t seed = std::random_device{}();
  SCOPED_TRACE(testing::Message() << "seed " << seed);
  std::mt19937_64 random(seed);
  for (int round = 0; round < 500; ++round) {
    const bool adjust = round % 2 == 0;
    const SampleColumns a = RandomReplica(random, static_cast<int64_t>(random() % 100'000), random() % 120);
    const SampleColumns b = RandomReplica(random, static_cast<int64_t>(random() % 100'000), random() % 120);
    const SampleColumns c = RandomReplica(random, static_cast<int64_t>(random() % 100'000), random() % 120);
    const SampleColumns want = NaiveMerge(a, b, adjust).Run();
    const SampleColumns got = Merge(a, b, adjust);
    ExpectEqual(got, want);
    ExpectEqual(Merge(got, c, adjust), NaiveMerge(want, c, adjust).Run());
  }
}

TEST(PenaltyMergeTest, IsIdempotent) {
  const uint64_t seed = std::random_device{}();
  SCOPED_TRACE(testing::Message() << "seed " << seed);
  std::mt19937_64 random(seed);
  for (int round = 0; round < 50; ++round) {
    const SampleColumns a = RandomReplica(random, 0, 100);
    ExpectEqual(Merge(a, a, false), a);
  }
}

TEST(PenaltyMergeTest, StaysOnTheFirstReplica) {
  const auto merged = Merge(Columns({1000, 16'000, 31'000, 46'000}, 100),
                            Columns({1005, 16'005, 31'005, 46'005}, 200), false);
  EXPECT_EQ(merged.timestamps, (std::vector<int64_t>{1000, 16'000, 31'000, 46'000}));
}

TEST(PenaltyMergeTest, SwitchesReplicaAfterGap) {
  const auto merged =
      Merge(Columns({0, 15'000, 30'000, 120'000}, 100),
            Columns({5, 15'005, 30'005, 45'005, 60'005, 75'005, 90'005, 105'005, 120'005}, 200), false);
  EXPECT_EQ(merged.timestamps,
            (std::vector<int64_t>{0, 15'000, 30'000, 60'005, 75'005, 90'005, 105'005, 120'005}));
}

TEST(PenaltyMergeTest, CountersDoNotFallAtASwitch) {
  auto merged = Merge(Columns({0, 15'000, 30'000}, 1000), Columns({61'000, 76'000}, 10), true);
  EXPECT_EQ(merged.values, (std::vector<double>{1000, 1001, 1002, 1002, 1003}));
  merged = Merge(Columns({0, 15'000, 30'000}, 1000), Columns({61'000, 76'000}, 10), false);
  EXPECT_EQ(merged.values, (std::vector<double>{1000, 1001, 1002, 10, 11}));
}

TEST(PenaltyMergeTest, ResetsInsideOneReplicaStay) {
  SampleColumns a = Columns({0, 15'000, 30'000, 45'000}, 0);
  a.values = {100, 110, 5, 15};
  EXPECT_EQ(Merge(a, Columns({5}, 0), true).values, a.values);
}

TEST(PenaltyMergeTest, ExtremeTimestampsDoNotOverflow) {
  constexpr int64_t kMin = std::numeric_limits<int64_t>::min();
  constexpr int64_t kMax = std::numeric_limits<int64_t>::max();
  const auto merged = Merge(Columns({kMin, 0, kMax - 1, kMax}, 0), Columns({kMin + 1, 5, kMax}, 0), false);
  EXPECT_EQ(merged.timestamps.front(), kMin);
  EXPECT_EQ(merged.timestamps.back(), kMax);
}

TEST(PenaltyMergeTest, HistogramsKeepTheirPlaces) {
  SampleColumns a = Columns({0, 15'000, 30'000}, 0);
  a.values[1] = 0;
  model::Histogram histogram;
  histogram.count = 7;
  a.histograms.push_back({1, histogram});
  SampleColumns b = Columns({61'000, 76'000}, 0);
  histogram.count = 8;
  b.histograms.push_back({1, histogram});
  const auto merged = Merge(a, b, true);
  ASSERT_EQ(merged.size(), 5U);
  ASSERT_EQ(merged.histograms.size(), 2U);
  EXPECT_EQ(merged.histograms[0].index, 1U);
  EXPECT_EQ(merged.histograms[0].value.count, 7);
  EXPECT_EQ(merged.histograms[1].index, 4U);
  EXPECT_EQ(merged.histograms[1].value.count, 8);
}

TEST(ChainMergeTest, OneSamplePerTimestamp) {
  SampleColumns a = Columns({1, 3, 5}, 10);
  SampleColumns b = Columns({0, 3, 4, 9}, 20);
  b.values[2] = 0;
  b.histograms.push_back({2, {}});
  SampleColumns out = Columns({-5}, 1);
  AppendChainMerge(a, b, &out);
  EXPECT_EQ(out.timestamps, (std::vector<int64_t>{-5, 0, 1, 3, 4, 5, 9}));
  EXPECT_EQ(out.values, (std::vector<double>{1, 20, 10, 11, 0, 12, 23}));
  ASSERT_EQ(out.histograms.size(), 1U);
  EXPECT_EQ(out.histograms[0].index, 4U);
}

}  // namespace
}  // namespace thanos::dedup
