// The shortcut and the merge of both replicas in full give the same samples.
#include "dedup/steady.h"

#include <deque>
#include <gtest/gtest.h>
#include <random>
#include <string>
#include <vector>

#include "chunkenc/appender.h"
#include "dedup/columns.h"
#include "dedup/decode.h"
#include "dedup/penalty.h"

namespace thanos::dedup {
namespace {

using chunkenc::SampleColumns;
using series::Chunk;

constexpr int64_t kIntervalMs = 15'000;

class Generator {
 public:
  explicit Generator(uint64_t seed) : random_(seed) {}

  int64_t Below(int64_t end) { return std::uniform_int_distribution<int64_t>(0, end - 1)(random_); }

  // Regular scrapes with some jitter, sometimes gaps and counter resets.
  SampleColumns Replica(bool with_gaps) {
    SampleColumns columns;
    int64_t timestamp = 1'700'000'000'000 + Below(4 * kIntervalMs);
    double value = static_cast<double>(Below(1000));
    const int64_t jitter = Below(3) == 0 ? 1 + Below(9000) : 1;
    for (int64_t i = 0, count = 2 + Below(400); i < count; ++i) {
      columns.timestamps.push_back(timestamp + Below(jitter));
      columns.values.push_back(value);
      timestamp += kIntervalMs + (with_gaps && Below(50) == 0 ? Below(20 * kIntervalMs) : 0);
      value = with_gaps && Below(100) == 0 ? 0 : value + static_cast<double>(Below(5));
    }
    return columns;
  }

  void AddChunks(const SampleColumns& columns, std::vector<Chunk>* chunks) {
    for (size_t i = 0; i < columns.size();) {
      const size_t end = std::min(columns.size(), i + 1 + static_cast<size_t>(Below(130)));
      chunkenc::XorAppender appender;
      Chunk chunk;
      chunk.min_time_ms = columns.timestamps[i];
      for (; i < end; ++i) {
        appender.Append(columns.timestamps[i], columns.values[i]);
      }
      chunk.max_time_ms = columns.timestamps[i - 1];
      bytes_.push_back(appender.Bytes());
      chunk.raw = {chunkenc::Encoding::kXor, bytes_.back(), 0};
      chunks->push_back(chunk);
    }
  }

 private:
  std::mt19937_64 random_;
  std::deque<std::string> bytes_;
};

// Samples up to max_ms.
SampleColumns Until(const SampleColumns& columns, int64_t max_ms) {
  SampleColumns out;
  for (size_t i = 0; i < columns.size() && columns.timestamps[i] <= max_ms; ++i) {
    out.timestamps.push_back(columns.timestamps[i]);
    out.values.push_back(columns.values[i]);
  }
  return out;
}

TEST(SteadyTest, SameAsTheFullMerge) {
  const uint64_t seed = std::random_device()();
  SCOPED_TRACE(testing::Message() << "seed " << seed);
  int num_known = 0;
  int num_steady = 0;
  for (uint64_t round = 0; round < 2000; ++round) {
    Generator generator(seed + round);
    SCOPED_TRACE(testing::Message() << "round " << round);
    SampleColumns a = generator.Replica(round % 2 == 1);
    SampleColumns b = generator.Replica(round % 4 == 3);
    const bool adjust = generator.Below(2) == 0;
    const int64_t head_ms = std::max(a.timestamps[0], b.timestamps[0]) + 120'000;
    const internal::MergeStart start = internal::StartOfMerge(Until(a, head_ms), Until(b, head_ms), adjust);
    if (!start.known) {
      continue;
    }
    ++num_known;
    const SampleColumns& used = start.uses_first ? a : b;
    const SampleColumns& other = start.uses_first ? b : a;
    if (!internal::StaysInUse(used, start, other.timestamps.back())) {
      continue;
    }
    ++num_steady;
    SampleColumns quick;
    quick.timestamps.assign(start.timestamps, start.timestamps + start.size);
    quick.values.assign(start.values, start.values + start.size);
    SampleColumns rest = used;
    internal::AppendFrom(rest, start.position, &quick);
    SampleColumns full;
    AppendPenaltyMerge(a, b, adjust, &full);
    ASSERT_EQ(quick.timestamps, full.timestamps);
    ASSERT_EQ(quick.values, full.values);
  }
  EXPECT_GT(num_known, 1000);
  EXPECT_GT(num_steady, 100);
}

TEST(SteadyTest, DecodedChunksAreTheMergeOfTheirReplicas) {
  const uint64_t seed = std::random_device()();
  SCOPED_TRACE(testing::Message() << "seed " << seed);
  for (uint64_t round = 0; round < 1000; ++round) {
    SCOPED_TRACE(testing::Message() << "round " << round);
    Generator generator(seed + round);
    SampleColumns a = generator.Replica(round % 2 == 1);
    SampleColumns b = generator.Replica(round % 4 == 3);
    // One chunk each, so that each is a lane; the earlier one is the first.
    std::vector<Chunk> chunks;
    std::vector<Chunk> of_b;
    while (chunks.size() != 1) {
      chunks.clear();
      a = generator.Replica(round % 2 == 1);
      a.timestamps.resize(std::min<size_t>(a.size(), 100));
      a.values.resize(a.timestamps.size());
      generator.AddChunks(a, &chunks);
    }
    while (of_b.size() != 1) {
      of_b.clear();
      b = generator.Replica(round % 4 == 3);
      b.timestamps.resize(std::min<size_t>(b.size(), 100));
      b.values.resize(b.timestamps.size());
      generator.AddChunks(b, &of_b);
    }
    chunks.push_back(of_b[0]);
    if (a.timestamps.front() == b.timestamps.front() || a.timestamps.back() < b.timestamps.front() ||
        b.timestamps.back() < a.timestamps.front()) {
      continue;
    }
    const int64_t max_ms = a.timestamps.front() + generator.Below(200 * kIntervalMs);
    const bool rate = generator.Below(2) == 0;
    SampleColumns got;
    ASSERT_TRUE(DecodeSeries(chunks, {.deduplicate = true, .function = rate ? "rate" : ""},
                             std::numeric_limits<int64_t>::min(), max_ms, &got)
                    .ok());
    SampleColumns first = Until(a.timestamps.front() < b.timestamps.front() ? a : b, max_ms);
    SampleColumns second = Until(a.timestamps.front() < b.timestamps.front() ? b : a, max_ms);
    SampleColumns want;
    AppendPenaltyMerge(first, second, rate, &want);
    ASSERT_EQ(got.timestamps, want.timestamps);
    ASSERT_EQ(got.values, want.values);
  }
}

}  // namespace
}  // namespace thanos::dedup
