#pragma once

// Blocks for the tests of merging, from samples and back.

#include <bit>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "block/reader.h"
#include "block/writer.h"
#include "chunkenc/appender.h"
#include "chunkenc/column_decoder.h"
#include "compact/block_merger.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "model/time_range.h"

namespace thanos::compact::testing_blocks {

using block::BlockReader;
using chunkenc::Encoding;
using chunkenc::SampleColumns;

inline constexpr int64_t kStart = 1'700'006'400'000;
inline constexpr int64_t kBlockMs = 2 * 3'600'000;
inline const model::Ulid kResult = *model::Ulid::Parse("01JXQ5B2M8ZC4N9W0V8R5T7YQZ");

inline model::Ulid BlockUlid(int number) {
  return model::Ulid::FromParts(kStart, 0, static_cast<uint64_t>(number));
}

// A float or a histogram.
struct Sample {
  int64_t t = 0;
  double value = 0;
  std::optional<model::Histogram> histogram;
};

using Series = std::map<std::string, std::vector<Sample>>;  // by the value of label n

inline std::string Text(const Sample& sample) {
  std::string text = base::Concat(std::to_string(sample.t), "=");
  if (!sample.histogram) {
    return text + std::to_string(std::bit_cast<uint64_t>(sample.value));
  }
  const model::Histogram& h = *sample.histogram;
  base::Append(text, "h", h.is_float ? "f" : "i", std::to_string(h.count), ",", std::to_string(h.sum), ",",
               std::to_string(h.zero_count));
  // Buckets by index, empty ones left out: layouts may be widened.
  for (const bool positive : {true, false}) {
    int64_t index = 0;
    size_t next = 0;
    for (const model::Span& span : positive ? h.positive_spans : h.negative_spans) {
      index += span.offset;
      for (uint32_t i = 0; i < span.length; ++i, ++index, ++next) {
        const double count = (positive ? h.positive_buckets : h.negative_buckets)[next];
        if (count != 0) {
          base::Append(text, positive ? "+" : "-", std::to_string(index), ":", std::to_string(count));
        }
      }
    }
  }
  return text;
}

inline std::vector<std::string> Texts(const std::vector<Sample>& samples) {
  std::vector<std::string> texts;
  for (const Sample& sample : samples) {
    texts.push_back(Text(sample));
  }
  return texts;
}

struct OwnedChunk {
  block::ChunkToWrite chunk;
  std::string data;
};

// Chunks of at most `per_chunk` samples.
inline std::vector<OwnedChunk> Encode(const std::vector<Sample>& samples, size_t per_chunk) {
  std::vector<OwnedChunk> chunks;
  for (size_t begin = 0; begin < samples.size();) {
    OwnedChunk& owned = chunks.emplace_back();
    size_t end = begin;
    const bool is_histogram = samples[begin].histogram.has_value();
    chunkenc::XorAppender floats;
    chunkenc::HistogramAppender histograms;
    for (; end < samples.size() && end - begin < per_chunk; ++end) {
      if (samples[end].histogram.has_value() != is_histogram) {
        break;
      }
      if (!is_histogram) {
        floats.Append(samples[end].t, samples[end].value);
      } else if (histograms.Append(samples[end].t, *samples[end].histogram) !=
                 chunkenc::AppendResult::kAppended) {
        break;
      }
    }
    owned.data = is_histogram ? histograms.Bytes() : floats.Bytes();
    owned.chunk = {
        samples[begin].t, samples[end - 1].t, is_histogram ? Encoding::kHistogram : Encoding::kXor, {}};
    begin = end;
  }
  return chunks;
}

struct BlockOptions {
  int number = 1;
  int64_t min_time_ms = kStart;
  int64_t max_time_ms = kStart + kBlockMs;
  size_t samples_per_chunk = 120;
};

class BlockMergerTest : public ::testing::Test {
 protected:
  void SetUp() override {
    directory_ = ::testing::TempDir() + "/merge-XXXXXX";
    ASSERT_NE(mkdtemp(directory_.data()), nullptr);
  }
  void TearDown() override { std::filesystem::remove_all(directory_); }

  std::string Path(const model::Ulid& ulid) const { return directory_ + "/" + ulid.ToString(); }

  // Returns the block's directory.
  std::string Write(const Series& series, const BlockOptions& options) {
    const model::Ulid ulid = BlockUlid(options.number);
    auto writer = block::BlockWriter::Create(directory_, ulid);
    EXPECT_TRUE(writer.ok()) << writer.status();
    std::set<std::string, std::less<>> symbols = {"", "n", base::Concat("unused-", ulid.ToString())};
    for (const auto& [n, samples] : series) {
      symbols.insert(n);
    }
    for (const std::string& symbol : symbols) {
      EXPECT_TRUE((*writer)->AddSymbol(symbol).ok());
    }
    for (const auto& [n, samples] : series) {
      auto owned = Encode(samples, options.samples_per_chunk);
      std::vector<block::ChunkToWrite> chunks;
      for (const OwnedChunk& chunk : owned) {
        chunks.push_back(chunk.chunk);
        chunks.back().data = chunk.data;
      }
      const base::Status status = (*writer)->AddSeries(labels::Labels({{"n", n}}), chunks);
      EXPECT_TRUE(status.ok()) << status;
    }
    block::Meta meta;
    meta.min_time_ms = options.min_time_ms;
    meta.max_time_ms = options.max_time_ms;
    meta.compaction.level = options.number;
    meta.compaction.sources = {ulid};
    meta.thanos.emplace().labels = labels::Labels({{"cluster", "a"}});
    EXPECT_TRUE((*writer)->Finish(std::move(meta)).ok());
    return Path(ulid);
  }

  static MergeOptions Options(MergeFunction function, concurrency::ThreadPool* pool = nullptr) {
    MergeOptions options;
    options.function = function;
    options.ulid = kResult;
    options.thanos.emplace().labels = labels::Labels({{"cluster", "a"}});
    options.thanos->source = block::kSourceCompactor;
    options.pool = pool;
    return options;
  }

  static Series Read(const std::string& path) {
    Series result;
    auto opened = BlockReader::Open(path);
    EXPECT_TRUE(opened.ok()) << opened.status();
    const BlockReader& block = **opened;
    index::IndexSeries series;
    const index::Postings refs = *block.index().AllPostings();
    for (const index::SeriesRef ref : refs) {
      EXPECT_TRUE(block.index().Series(ref, &series).ok());
      auto& samples = result[std::string(series.labels.at(0).value)];
      // The postings of the label lead here, too.
      EXPECT_THAT(*block.index().PostingsFor("n", series.labels.at(0).value), ::testing::Contains(ref));
      for (const index::ChunkMeta& meta : series.chunks) {
        const auto chunk = block.chunks().Read(meta.ref);
        EXPECT_TRUE(chunk.ok()) << chunk.status();
        SampleColumns columns;
        EXPECT_TRUE(chunkenc::DecodeChunk(chunk->encoding, chunk->data, model::kMinTimeMs, model::kMaxTimeMs,
                                          &columns)
                        .ok());
        EXPECT_EQ(meta.min_time_ms, columns.timestamps.front());
        EXPECT_EQ(meta.max_time_ms, columns.timestamps.back());
        size_t histogram = 0;
        for (size_t i = 0; i < columns.size(); ++i) {
          Sample& sample = samples.emplace_back(Sample{columns.timestamps[i], columns.values[i], {}});
          if (histogram < columns.histograms.size() && columns.histograms[histogram].index == i) {
            sample.histogram = columns.histograms[histogram++].value;
          }
        }
      }
    }
    return result;
  }

  static std::string ReadFile(const std::string& path) {
    std::ifstream file(path, std::ios::binary);
    return {std::istreambuf_iterator<char>(file), {}};
  }

  std::string directory_;
};

}  // namespace thanos::compact::testing_blocks
