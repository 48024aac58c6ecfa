#include "compact/block_merger.h"

#include <algorithm>
#include <limits>
#include <random>

#include "compact/test_merge.h"
#include "downsample/downsample.h"
#include "encoding/crc32c.h"
#include "encoding/varint.h"

namespace thanos::compact {
namespace {

using namespace testing_blocks;  // NOLINT(google-build-using-namespace): helpers of these tests
using ::testing::HasSubstr;

model::Histogram RandomHistogram(std::mt19937_64& random, double base) {
  model::Histogram h;
  h.schema = 2;
  h.zero_threshold = 0.001;
  h.zero_count = base;
  h.positive_spans = {{static_cast<int32_t>(random() % 2), 2}, {1, 1}};
  h.positive_buckets = {base, base + static_cast<double>(random() % 2), base};
  h.count = h.zero_count + h.positive_buckets[0] + h.positive_buckets[1] + h.positive_buckets[2];
  h.sum = base * 3;
  return h;
}

std::vector<Sample> RandomSamples(std::mt19937_64& random, int64_t begin, int64_t end, bool histograms) {
  std::vector<Sample> samples;
  double value = static_cast<double>(random() % 100);
  for (int64_t t = begin + static_cast<int64_t>(random() % 20'000); t < end;
       t += 15'000 + static_cast<int64_t>(random() % 50)) {
    value += static_cast<double>(random() % 9);
    if (random() % 100 == 0) {
      value = 0;
    }
    if (random() % 80 == 0) {
      t += 600'000;
      continue;
    }
    Sample sample{t, value, {}};
    if (histograms) {
      sample.histogram = RandomHistogram(random, value);
    }
    samples.push_back(sample);
  }
  return samples;
}

TEST_F(BlockMergerTest, BlocksThatFollowEachOtherAreConcatenatedByCopying) {
  const uint64_t seed = std::random_device{}();
  SCOPED_TRACE(::testing::Message() << "seed " << seed);
  std::mt19937_64 random(seed);
  std::vector<std::string> directories;
  Series want;
  for (int b = 0; b < 4; ++b) {
    const int64_t begin = kStart + b * kBlockMs;
    Series series;
    for (int i = 0; i < 400; ++i) {
      const std::string n = "s" + std::to_string(random() % 500);
      const auto samples = RandomSamples(random, begin, begin + kBlockMs, n.back() == '7');
      if (!series.contains(n) && !samples.empty()) {
        series[n] = samples;
        want[n].insert(want[n].end(), samples.begin(), samples.end());
      }
    }
    directories.push_back(Write(
        series,
        {.number = b + 1, .min_time_ms = begin, .max_time_ms = begin + kBlockMs, .samples_per_chunk = 110}));
  }
  concurrency::ThreadPool pool("test", 2);
  const auto result = MergeBlocks({}, directories, directory_, Options(MergeFunction::kNone, &pool));
  ASSERT_TRUE(result.ok()) << result.status();
  const Series got = Read(Path(kResult));
  ASSERT_EQ(got.size(), want.size());
  uint64_t num_samples = 0;
  for (const auto& [n, samples] : want) {
    EXPECT_EQ(Texts(got.at(n)), Texts(samples)) << n;
    num_samples += samples.size();
  }
  EXPECT_EQ(result->num_recoded_chunks, 0U);
  EXPECT_EQ(result->num_copied_chunks, result->meta.stats.num_chunks);
  EXPECT_EQ(result->meta.stats.num_samples, num_samples);
  EXPECT_EQ(result->meta.stats.num_series, want.size());
  EXPECT_EQ(result->meta.min_time_ms, kStart);
  EXPECT_EQ(result->meta.max_time_ms, kStart + 4 * kBlockMs);
  EXPECT_EQ(result->meta.compaction.level, 5);
  EXPECT_EQ(result->meta.compaction.sources.size(), 4U);
  EXPECT_EQ(result->meta.compaction.parents.size(), 4U);
  EXPECT_THAT(result->meta.thanos->segment_files, ::testing::ElementsAre("000001"));
  EXPECT_GT(result->meta.thanos->series_max_bytes, 0);
  const auto health = VerifyBlock({}, Path(kResult));
  ASSERT_TRUE(health.ok()) << health.status();
  EXPECT_TRUE(health->healthy()) << health->Any();
}

TEST_F(BlockMergerTest, TheSameInputsGiveTheSameBytes) {
  std::mt19937_64 random(3);
  std::vector<std::string> directories;
  for (int b = 0; b < 3; ++b) {
    Series series;
    for (int i = 0; i < 700; ++i) {
      series["s" + std::to_string(i)] = RandomSamples(random, kStart, kStart + 1'000'000, i % 10 == 0);
    }
    std::erase_if(series, [](const auto& entry) { return entry.second.empty(); });
    directories.push_back(Write(series, {.number = b + 1}));
  }
  concurrency::ThreadPool pool("test", 3);
  for (const MergeFunction function : {MergeFunction::kOneToOne, MergeFunction::kPenalty}) {
    std::vector<std::string> files;
    for (concurrency::ThreadPool* const used : {static_cast<concurrency::ThreadPool*>(nullptr), &pool}) {
      ASSERT_TRUE(MergeBlocks({}, directories, directory_, Options(function, used)).ok());
      for (const char* const name : {"/index", "/chunks/000001", "/meta.json"}) {
        files.push_back(ReadFile(Path(kResult) + name));
      }
      std::filesystem::remove_all(Path(kResult));
    }
    for (size_t i = 0; i < 3; ++i) {
      EXPECT_TRUE(files[i] == files[i + 3]);
      EXPECT_FALSE(files[i].empty());
    }
  }
}

TEST_F(BlockMergerTest, OneToOneKeepsEverySampleOnce) {
  const uint64_t seed = std::random_device{}();
  SCOPED_TRACE(::testing::Message() << "seed " << seed);
  std::mt19937_64 random(seed);
  std::vector<std::string> directories;
  std::map<std::string, std::map<int64_t, std::set<std::string>>> want;
  Series first;
  for (int b = 0; b < 3; ++b) {
    Series series;
    for (int i = 0; i < 40; ++i) {
      const std::string n = "s" + std::to_string(i);
      // Some are equal to those of the first block, some share timestamps with it, some are their own.
      auto samples = RandomSamples(random, kStart, kStart + kBlockMs, i % 4 == 0);
      if (b > 0 && i % 3 == 0) {
        samples = first[n];
        if (i % 2 == 0) {
          std::erase_if(samples, [&](const Sample&) { return random() % 5 == 0; });
        }
      }
      if (samples.empty()) {
        continue;
      }
      series[n] = samples;
      for (const Sample& sample : samples) {
        want[n][sample.t].insert(Text(sample));
      }
    }
    if (b == 0) {
      first = series;
    }
    directories.push_back(Write(series, {.number = b + 1, .samples_per_chunk = 80 + random() % 50}));
  }
  const auto result = MergeBlocks({}, directories, directory_, Options(MergeFunction::kOneToOne));
  ASSERT_TRUE(result.ok()) << result.status();
  const Series got = Read(Path(kResult));
  ASSERT_EQ(got.size(), want.size());
  for (const auto& [n, by_time] : want) {
    ASSERT_EQ(got.at(n).size(), by_time.size()) << n;
    size_t i = 0;
    for (const auto& [t, texts] : by_time) {
      EXPECT_THAT(texts, ::testing::Contains(Text(got.at(n)[i++]))) << n;
    }
  }
  EXPECT_TRUE(VerifyBlock({}, Path(kResult))->healthy()) << VerifyBlock({}, Path(kResult))->Any();
}

TEST_F(BlockMergerTest, EqualBlocksMergeByCopying) {
  std::mt19937_64 random(5);
  Series series;
  for (int i = 0; i < 20; ++i) {
    series["s" + std::to_string(i)] = RandomSamples(random, kStart, kStart + kBlockMs, i % 2 == 0);
  }
  const std::vector<std::string> directories = {Write(series, {.number = 1}), Write(series, {.number = 2})};
  for (const MergeFunction function : {MergeFunction::kOneToOne, MergeFunction::kPenalty}) {
    const auto result = MergeBlocks({}, directories, directory_, Options(function));
    ASSERT_TRUE(result.ok()) << result.status();
    if (function == MergeFunction::kOneToOne) {
      EXPECT_EQ(ReadFile(Path(kResult) + "/chunks/000001"), ReadFile(directories[0] + "/chunks/000001"));
    }
    const Series got = Read(Path(kResult));
    for (const auto& [n, samples] : series) {
      EXPECT_EQ(Texts(got.at(n)), Texts(samples));
    }
    std::filesystem::remove_all(Path(kResult));
  }
}

// The penalty algorithm, one sample at a time, for two replicas.
std::vector<Sample> NaivePenalty(const std::vector<Sample>& a, const std::vector<Sample>& b) {
  std::vector<Sample> out;
  const std::vector<Sample>* sides[2] = {&a, &b};
  size_t position[2] = {0, 0};
  int64_t penalty[2] = {0, 0};
  int64_t last = std::numeric_limits<int64_t>::min();
  for (;;) {
    for (int side = 0; side < 2; ++side) {
      while (!out.empty() && position[side] < sides[side]->size() &&
             (*sides[side])[position[side]].t < last + 1 + penalty[side]) {
        ++position[side];
      }
    }
    const bool a_done = position[0] == a.size();
    const bool b_done = position[1] == b.size();
    if (a_done && b_done) {
      return out;
    }
    const int used = a_done ? 1 : b_done ? 0 : a[position[0]].t <= b[position[1]].t ? 0 : 1;
    const Sample& sample = (*sides[used])[position[used]];
    penalty[used] = 0;
    if (!a_done && !b_done) {
      penalty[1 - used] = out.empty() ? 5000 : 2 * (sample.t - last);
    }
    last = sample.t;
    out.push_back(sample);
  }
}

TEST_F(BlockMergerTest, PenaltyFollowsOneReplicaAndFillsItsGaps) {
  const uint64_t seed = std::random_device{}();
  SCOPED_TRACE(::testing::Message() << "seed " << seed);
  std::mt19937_64 random(seed);
  Series a;
  Series b;
  for (int i = 0; i < 60; ++i) {
    const std::string n = "s" + std::to_string(i);
    a[n] = RandomSamples(random, kStart, kStart + kBlockMs, i % 5 == 0);
    b[n] = RandomSamples(random, kStart + 5000, kStart + kBlockMs, i % 5 == 0);
  }
  // One chunk for each replica, so that lanes are the replicas.
  const std::vector<std::string> directories = {Write(a, {.number = 1, .samples_per_chunk = 5000}),
                                                Write(b, {.number = 2, .samples_per_chunk = 5000})};
  const auto result = MergeBlocks({}, directories, directory_, Options(MergeFunction::kPenalty));
  ASSERT_TRUE(result.ok()) << result.status();
  const Series got = Read(Path(kResult));
  for (const auto& [n, samples] : a) {
    if (samples.front().histogram) {
      continue;  // cut at resets into chunks that are no lanes
    }
    const bool a_first = samples.front().t <= b[n].front().t;
    const auto want = a_first ? NaivePenalty(samples, b[n]) : NaivePenalty(b[n], samples);
    EXPECT_EQ(Texts(got.at(n)), Texts(want)) << n;
  }
  EXPECT_TRUE(VerifyBlock({}, Path(kResult))->healthy()) << VerifyBlock({}, Path(kResult))->Any();
}

TEST_F(BlockMergerTest, UnexpectedOverlapNamesTheBlocks) {
  std::mt19937_64 random(5);
  const Series a = {{"x", RandomSamples(random, kStart, kStart + kBlockMs, false)}};
  const Series b = {{"x", RandomSamples(random, kStart + 1000, kStart + kBlockMs, false)}};
  const std::vector<std::string> directories = {Write(a, {.number = 1}), Write(b, {.number = 2})};
  const auto result = MergeBlocks({}, directories, directory_, Options(MergeFunction::kNone));
  EXPECT_EQ(result.status().code(), base::StatusCode::kFailedPrecondition);
  EXPECT_THAT(std::string(base::Message(result.status())), HasSubstr(BlockUlid(1).ToString()));
  EXPECT_THAT(std::string(base::Message(result.status())), HasSubstr(BlockUlid(2).ToString()));
  EXPECT_FALSE(std::filesystem::exists(Path(kResult)));
  EXPECT_FALSE(std::filesystem::exists(Path(kResult) + ".tmp-for-creation"));
}

std::string TombstonesFile(const std::vector<std::tuple<uint64_t, int64_t, int64_t>>& entries) {
  std::string body;
  for (const auto& [ref, min, max] : entries) {
    encoding::AppendUvarint(body, ref);
    encoding::AppendVarint(body, min);
    encoding::AppendVarint(body, max);
  }
  std::string file;
  base::AppendBigEndian32(file, 0x0130BA30);
  file += '\x01';
  file += body;
  base::AppendBigEndian32(file, encoding::Crc32c(body));
  return file;
}

TEST_F(BlockMergerTest, TombstonesAreApplied) {
  std::mt19937_64 random(9);
  const Series series = {{"a", RandomSamples(random, kStart, kStart + kBlockMs, false)},
                         {"b", RandomSamples(random, kStart, kStart + kBlockMs, true)},
                         {"c", RandomSamples(random, kStart, kStart + kBlockMs, false)}};
  const std::string directory = Write(series, {.number = 1});
  const index::Postings refs = *(*BlockReader::Open(directory))->index().AllPostings();
  const int64_t from = kStart + 1'000'000;
  const int64_t to = kStart + 4'000'000;
  std::ofstream(directory + "/tombstones", std::ios::binary)
      << TombstonesFile({{refs[0], from, to},
                         {refs[1], from, from + 500'000},
                         {refs[1], from + 500'001, to},
                         {refs[2], 0, kStart + kBlockMs}});
  const auto result = MergeBlocks({}, std::vector{directory}, directory_, Options(MergeFunction::kNone));
  ASSERT_TRUE(result.ok()) << result.status();
  const Series got = Read(Path(kResult));
  EXPECT_EQ(got.size(), 2U);
  for (const std::string n : {"a", "b"}) {
    std::vector<Sample> want = series.at(n);
    std::erase_if(want, [&](const Sample& sample) { return sample.t >= from && sample.t <= to; });
    EXPECT_EQ(Texts(got.at(n)), Texts(want)) << n;
  }
  EXPECT_FALSE(std::filesystem::exists(Path(kResult) + "/tombstones"));
  std::filesystem::remove_all(Path(kResult));

  std::ofstream(directory + "/tombstones", std::ios::binary | std::ios::trunc) << TombstonesFile(
      {{refs[0], 0, model::kMaxTimeMs}, {refs[1], 0, model::kMaxTimeMs}, {refs[2], 0, model::kMaxTimeMs}});
  const auto empty = MergeBlocks({}, std::vector{directory}, directory_, Options(MergeFunction::kNone));
  ASSERT_TRUE(empty.ok()) << empty.status();
  EXPECT_TRUE(empty->empty);
  EXPECT_FALSE(std::filesystem::exists(Path(kResult)));

  std::string damaged = TombstonesFile({{refs[0], 0, 1}});
  damaged.back() ^= 1;
  std::ofstream(directory + "/tombstones", std::ios::binary | std::ios::trunc) << damaged;
  EXPECT_EQ(
      MergeBlocks({}, std::vector{directory}, directory_, Options(MergeFunction::kNone)).status().code(),
      base::StatusCode::kDataLoss);
}

TEST_F(BlockMergerTest, SamplesOutsideTheBlocksRangeAreLeftOut) {
  std::vector<Sample> samples;
  for (int64_t t = kStart - 60'000; t < kStart + kBlockMs + 60'000; t += 15'000) {
    samples.push_back({t, 1, {}});
  }
  const std::string directory = Write({{"a", samples}}, {.number = 1});
  const auto result = MergeBlocks({}, std::vector{directory}, directory_, Options(MergeFunction::kNone));
  ASSERT_TRUE(result.ok()) << result.status();
  std::erase_if(samples, [](const Sample& s) { return s.t < kStart || s.t >= kStart + kBlockMs; });
  EXPECT_EQ(Texts(Read(Path(kResult)).at("a")), Texts(samples));
}

TEST_F(BlockMergerTest, SegmentsAreCutAtTheirSize) {
  std::mt19937_64 random(4);
  Series series;
  for (int i = 0; i < 300; ++i) {
    series["s" + std::to_string(i)] = RandomSamples(random, kStart, kStart + kBlockMs, false);
  }
  const std::string directory = Write(series, {.number = 1});
  MergeOptions options = Options(MergeFunction::kNone);
  options.max_segment_bytes = 32'768;
  const auto result = MergeBlocks({}, std::vector{directory}, directory_, options);
  ASSERT_TRUE(result.ok()) << result.status();
  EXPECT_GT(result->meta.thanos->segment_files.size(), 3U);
  for (const block::BlockFile& file : result->files) {
    if (file.rel_path.starts_with("chunks/")) {
      EXPECT_LE(file.size_bytes, 32'768);
    }
  }
  const Series got = Read(Path(kResult));
  for (const auto& [n, samples] : series) {
    EXPECT_EQ(Texts(got.at(n)), Texts(samples));
  }
}

TEST_F(BlockMergerTest, DamageAndCancellationLeaveNothingBehind) {
  std::mt19937_64 random(5);
  const std::string directory =
      Write({{"x", RandomSamples(random, kStart, kStart + kBlockMs, false)}}, {.number = 1});
  base::CancelSource cancel;
  cancel.Cancel();
  EXPECT_EQ(MergeBlocks(cancel.token(), std::vector{directory}, directory_, Options(MergeFunction::kNone))
                .status()
                .code(),
            base::StatusCode::kCancelled);
  EXPECT_EQ(MergeBlocks({}, {}, directory_, Options(MergeFunction::kNone)).status().code(),
            base::StatusCode::kInvalidArgument);
  for (const char* const name : {"/chunks/000001", "/index"}) {
    const std::string original = ReadFile(directory + name);
    for (size_t i = 0; i < original.size(); i += 23) {
      std::string damaged = original;
      damaged[i] = static_cast<char>(damaged[i] ^ 0x10);
      std::ofstream(directory + name, std::ios::binary | std::ios::trunc) << damaged;
      const auto result = MergeBlocks({}, std::vector{directory}, directory_, Options(MergeFunction::kNone));
      const auto health = VerifyBlock({}, directory);
      ASSERT_TRUE(health.ok()) << health.status();
      if (result.ok()) {
        // Padding and parts that merging does not read, like single postings.
        ASSERT_EQ(Texts(Read(Path(kResult)).at("x")).size(),
                  (*BlockReader::Open(Path(kResult)))->meta().stats.num_samples);
        std::filesystem::remove_all(Path(kResult));
        continue;
      }
      EXPECT_THAT(std::string(base::Message(result.status())), HasSubstr(BlockUlid(1).ToString()))
          << name << i;
      EXPECT_FALSE(std::filesystem::exists(Path(kResult) + ".tmp-for-creation"));
    }
    std::ofstream(directory + name, std::ios::binary | std::ios::trunc) << original;
  }
}

TEST_F(BlockMergerTest, DifferentResolutionsAreRefused) {
  std::mt19937_64 random(5);
  const std::string raw =
      Write({{"x", RandomSamples(random, kStart, kStart + kBlockMs, false)}}, {.number = 1});
  ASSERT_TRUE(
      downsample::DownsampleBlock({}, raw, downsample::kResolution5m, directory_, {.ulid = BlockUlid(2)})
          .ok());
  const std::vector<std::string> directories = {raw, Path(BlockUlid(2))};
  EXPECT_EQ(MergeBlocks({}, directories, directory_, Options(MergeFunction::kPenalty)).status().code(),
            base::StatusCode::kFailedPrecondition);
}

}  // namespace
}  // namespace thanos::compact
