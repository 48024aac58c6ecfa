#include "downsample/internal/aggregate_chunk.h"

#include <utility>

#include "downsample/histogram_math.h"

namespace thanos::downsample::internal {

void AggregateChunkWriter::AddWindow(const Window& window) {
  Add(kCount, window.time_ms, static_cast<double>(window.count));
  Add(kSum, window.time_ms, window.sum);
  Add(kMin, window.time_ms, window.min);
  Add(kMax, window.time_ms, window.max);
  Add(kCounter, window.time_ms, window.counter);
}

void AggregateChunkWriter::AddHistogram(Part part, int64_t time_ms, model::Histogram value) {
  histograms_[part].times_ms.push_back(time_ms);
  histograms_[part].values.push_back(std::move(value));
}

void AggregateChunkWriter::Reset() {
  for (size_t i = 0; i < floats_.size(); ++i) {
    if (used_[i]) {
      bytes_[i].clear();
      floats_[i].FinishTo(&bytes_[i]);
    }
    histograms_[i] = {};
    used_[i] = false;
  }
  is_full_ = false;
}

base::Status AggregateChunkWriter::Finish(int64_t min_time_ms, int64_t max_time_ms,
                                          block::ChunkRecordBuffer* out) {
  chunkenc::AggregateParts parts;
  const auto count = static_cast<uint32_t>(num_windows());
  bool any = false;
  if (is_full_) {
    return base::DataLoss("more than ", chunkenc::kMaxSamplesPerChunk, " windows in one chunk");
  }
  for (size_t i = 0; i < parts.size(); ++i) {
    bytes_[i].clear();
    Histograms& histograms = histograms_[i];
    if (!histograms.values.empty()) {
      if (!EncodeFloatHistograms(histograms.times_ms, histograms.values, &bytes_[i])) {
        return base::DataLoss("aggregated histograms do not fit one chunk");
      }
      parts[i] = {chunkenc::Encoding::kFloatHistogram, bytes_[i]};
      histograms = {};
      any = true;
    } else if (used_[i]) {
      floats_[i].FinishTo(&bytes_[i]);
      parts[i] = {chunkenc::Encoding::kXor, bytes_[i]};
      any = true;
    }
    used_[i] = false;
  }
  if (!any) {
    return base::OkStatus();
  }
  data_.clear();
  chunkenc::JoinAggregateChunk(parts, &data_);
  out->AddChunk(min_time_ms, max_time_ms, chunkenc::Encoding::kAggregate, count, data_);
  return base::OkStatus();
}

}  // namespace thanos::downsample::internal
