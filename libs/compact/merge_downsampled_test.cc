#include <algorithm>
#include <functional>

#include "chunkenc/aggr_chunk.h"
#include "compact/block_merger.h"
#include "compact/test_merge.h"
#include "downsample/counter_resets.h"
#include "downsample/downsample.h"

namespace thanos::compact {
namespace {

using namespace testing_blocks;  // NOLINT(google-build-using-namespace): helpers of these tests

constexpr int64_t kRestart = kStart + 30 * 3'600'000;

// What both replicas see at a time: a counter that restarts once.
double CounterAt(int64_t t) {
  return static_cast<double>((t - (t < kRestart ? kStart : kRestart)) / 100);
}

// Samples every 30 s over two days, without three hours that are others for each replica.
std::vector<Sample> SamplesWithAGap(int replica, int64_t shift_ms, bool histograms) {
  std::vector<Sample> samples;
  for (int64_t t = kStart + shift_ms; t < kStart + 24 * kBlockMs; t += 30'000) {
    const double value = CounterAt(t);
    const int64_t hour = (t - kStart) / 3'600'000;
    if (hour >= 10 + replica * 10 && hour < 13 + replica * 10) {
      continue;
    }
    Sample sample{t, value, {}};
    if (histograms) {
      model::Histogram h;
      h.zero_threshold = 0.001;
      h.zero_count = value;
      h.count = 2 * value;
      h.sum = value;
      h.positive_spans = {{0, 1}};
      h.positive_buckets = {value};
      sample.histogram = h;
    }
    samples.push_back(sample);
  }
  return samples;
}

struct Windows {
  std::vector<int64_t> times;
  double num_samples = 0;
  double counter = 0;  // the last value without resets
};

// The windows of a series of aggregates; counters must not fall.
void ReadWindows(const BlockReader& block, const index::IndexSeries& series, Windows* windows) {
  downsample::CounterResets resets;
  for (const index::ChunkMeta& meta : series.chunks) {
    const auto parts = *chunkenc::SplitAggregateChunk(block.chunks().Read(meta.ref)->data);
    std::array<SampleColumns, 5> columns;
    for (size_t i = 0; i < 5; ++i) {
      if (parts[i].encoding != Encoding::kNone) {
        ASSERT_TRUE(chunkenc::DecodeChunk(parts[i].encoding, parts[i].data, model::kMinTimeMs,
                                          model::kMaxTimeMs, &columns[i])
                        .ok());
      }
    }
    EXPECT_EQ(columns[0].timestamps, columns[1].timestamps);
    windows->times.insert(windows->times.end(), columns[0].timestamps.begin(), columns[0].timestamps.end());
    for (const double count : columns[0].values) {
      windows->num_samples += count;
    }
    if (columns[4].histograms.empty()) {
      EXPECT_EQ(columns[4].timestamps.back(), meta.max_time_ms);
      resets.Process(0, &columns[4]);
      for (const double value : columns[4].values) {
        EXPECT_GE(value, windows->counter);
        windows->counter = value;
      }
    }
  }
}

class DownsampledMergeTest : public BlockMergerTest {};

TEST_F(DownsampledMergeTest, DownsampledReplicasAreMergedWindowByWindow) {
  std::vector<std::string> directories;
  for (int b = 0; b < 2; ++b) {
    Series series;
    for (int i = 0; i < 20; ++i) {
      series["s" + std::to_string(i)] = SamplesWithAGap(b, b * 7'000 + i, i % 4 == 0);
    }
    const std::string raw = Write(series, {.number = b + 1, .max_time_ms = kStart + 24 * kBlockMs});
    const auto five = downsample::DownsampleBlock({}, raw, downsample::kResolution5m, directory_,
                                                  {.ulid = BlockUlid(b + 11)});
    ASSERT_TRUE(five.ok()) << five.status();
    directories.push_back(Path(BlockUlid(b + 11)));
  }
  for (const MergeFunction function : {MergeFunction::kOneToOne, MergeFunction::kPenalty}) {
    MergeOptions options = Options(function);
    options.thanos->resolution_ms = downsample::kResolution5m;
    const auto result = MergeBlocks({}, directories, directory_, options);
    ASSERT_TRUE(result.ok()) << result.status();
    EXPECT_TRUE(VerifyBlock({}, Path(kResult))->healthy()) << VerifyBlock({}, Path(kResult))->Any();
    const auto block = *BlockReader::Open(Path(kResult));
    index::IndexSeries series;
    const index::Postings refs = *block->index().AllPostings();
    EXPECT_EQ(refs.size(), 20U);
    for (const index::SeriesRef ref : refs) {
      ASSERT_TRUE(block->index().Series(ref, &series).ok());
      Windows windows;
      ReadWindows(*block, series, &windows);
      EXPECT_TRUE(std::ranges::adjacent_find(windows.times, std::greater_equal<>()) == windows.times.end());
      // No window is missing, and nearly all have their ten samples.
      const size_t wanted = 48 * 12;
      EXPECT_NEAR(static_cast<double>(windows.times.size()), static_cast<double>(wanted), 6);
      EXPECT_NEAR(windows.num_samples, static_cast<double>(wanted * 10), static_cast<double>(wanted) / 5);
      if (windows.counter > 0) {
        // Both lives of the counter, less what it grew between two scrapes.
        EXPECT_NEAR(windows.counter, CounterAt(kRestart - 1) + CounterAt(kStart + 24 * kBlockMs), 1000);
      }
    }
    std::filesystem::remove_all(Path(kResult));
  }
}

}  // namespace
}  // namespace thanos::compact
