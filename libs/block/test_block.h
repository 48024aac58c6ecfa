#pragma once

// Small blocks for tests.

#include <filesystem>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "base/status.h"
#include "block/meta.h"
#include "block/writer.h"
#include "chunkenc/appender.h"
#include "labels/labels.h"
#include "objstore/bucket.h"

namespace thanos::block {

struct TestSeries {
  labels::Labels labels;
  std::vector<std::pair<int64_t, double>> samples;  // by time
  size_t samples_per_chunk = 120;
};

// One sample every `step_ms` from `begin_ms` (inclusive) to `end_ms` (exclusive), with values 0, 1, 2, ...
inline std::vector<std::pair<int64_t, double>> Ramp(int64_t begin_ms, int64_t end_ms, int64_t step_ms) {
  std::vector<std::pair<int64_t, double>> samples;
  for (int64_t t = begin_ms; t < end_ms; t += step_ms) {
    samples.emplace_back(t, static_cast<double>(samples.size()));
  }
  return samples;
}

struct TestBlock {
  model::Ulid ulid;
  labels::Labels external_labels;
  std::vector<TestSeries> series;  // sorted by labels
  int64_t resolution_ms = 0;
};

// Writes `block` below `parent` and returns its meta. Its time range covers the samples.
inline base::StatusOr<Meta> WriteTestBlock(const std::string& parent, const TestBlock& block,
                                           const BlockWriterOptions& options = {}) {
  TH_ASSIGN_OR_RETURN(const auto writer, BlockWriter::Create(parent, block.ulid, options));
  std::set<std::string, std::less<>> symbols = {""};
  for (const TestSeries& series : block.series) {
    for (const labels::LabelView& label : series.labels) {
      symbols.emplace(label.name);
      symbols.emplace(label.value);
    }
  }
  for (const std::string& symbol : symbols) {
    TH_RETURN_IF_ERROR(writer->AddSymbol(symbol));
  }
  Meta meta;
  meta.min_time_ms = model::kMaxTimeMs;
  meta.max_time_ms = 0;
  for (const TestSeries& series : block.series) {
    std::vector<std::string> bytes;
    std::vector<ChunkToWrite> chunks;
    for (size_t begin = 0; begin < series.samples.size(); begin += series.samples_per_chunk) {
      const size_t end = std::min(begin + series.samples_per_chunk, series.samples.size());
      chunkenc::XorAppender appender;
      for (size_t i = begin; i < end; ++i) {
        appender.Append(series.samples[i].first, series.samples[i].second);
      }
      bytes.push_back(appender.Bytes());
      chunks.push_back(
          {series.samples[begin].first, series.samples[end - 1].first, chunkenc::Encoding::kXor, {}});
      meta.min_time_ms = std::min(meta.min_time_ms, chunks.back().min_time_ms);
      meta.max_time_ms = std::max(meta.max_time_ms, chunks.back().max_time_ms + 1);
    }
    for (size_t i = 0; i < chunks.size(); ++i) {
      chunks[i].data = bytes[i];
    }
    TH_RETURN_IF_ERROR(writer->AddSeries(series.labels, chunks));
  }
  meta.compaction.level = 1;
  meta.compaction.sources = {block.ulid};
  ThanosSection& thanos = meta.thanos.emplace();
  thanos.labels = block.external_labels;
  thanos.resolution_ms = block.resolution_ms;
  thanos.source = kSourceSidecar;
  return writer->Finish(std::move(meta));
}

// Uploads every file of `<parent>/<ulid>`, meta.json last.
inline base::Status UploadTestBlock(objstore::Bucket& bucket, const std::string& parent,
                                    const model::Ulid& ulid) {
  const std::filesystem::path root = std::filesystem::path(parent) / ulid.ToString();
  for (const auto& entry : std::filesystem::recursive_directory_iterator(root)) {
    const std::string name = std::filesystem::relative(entry.path(), parent).string();
    if (entry.is_regular_file() && name != MetaPath(ulid)) {
      TH_RETURN_IF_ERROR(bucket.UploadFile({}, name, entry.path().string()));
    }
  }
  return bucket.UploadFile({}, MetaPath(ulid), (root / kMetaFileName).string());
}

}  // namespace thanos::block
