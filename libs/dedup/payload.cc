#include "dedup/payload.h"

#include <cmath>
#include <limits>

#include "chunkenc/column_decoder.h"
#include "model/histogram_math.h"

namespace thanos::dedup::internal {
namespace {

using chunkenc::SampleColumns;
using series::Aggregate;
using series::ChunkData;

constexpr int64_t kNoLimit = std::numeric_limits<int64_t>::min();

base::Status DecodeData(const ChunkData& data, int64_t min_ms, int64_t max_ms, SampleColumns* out) {
  return chunkenc::DecodeChunk(data.encoding, data.data, min_ms, max_ms, out);
}

// Null when the chunk does not have it.
const ChunkData* FindAggregate(const series::Chunk& chunk, Aggregate aggregate) {
  if (chunk.aggregates == nullptr) {
    return nullptr;
  }
  const ChunkData& data = (*chunk.aggregates)[static_cast<size_t>(aggregate)];
  return data.present() ? &data : nullptr;
}

Aggregate SingleAggregate(ReadAs read_as) {
  switch (read_as) {
    case ReadAs::kMin:
      return Aggregate::kMin;
    case ReadAs::kMax:
      return Aggregate::kMax;
    case ReadAs::kCount:
      return Aggregate::kCount;
    case ReadAs::kSum:
      return Aggregate::kSum;
    case ReadAs::kCounter:
      return Aggregate::kCounter;
    case ReadAs::kAverage:
      break;
  }
  return Aggregate::kRaw;
}

}  // namespace

ReadAs ReadAsForFunction(std::string_view function) {
  if (function == "min" || function.starts_with("min_")) {
    return ReadAs::kMin;
  }
  if (function == "max" || function.starts_with("max_")) {
    return ReadAs::kMax;
  }
  if (function == "count" || function.starts_with("count_")) {
    return ReadAs::kCount;
  }
  // The aggregation `sum` needs the values themselves.
  if (function.starts_with("sum_")) {
    return ReadAs::kSum;
  }
  if (IsCounterFunction(function) || function == "xrate" || function == "xincrease") {
    return ReadAs::kCounter;
  }
  return ReadAs::kAverage;
}

bool IsCounterFunction(std::string_view function) {
  return function == "rate" || function == "increase" || function == "irate" || function == "resets";
}

void ResetRemover::Process(size_t start, SampleColumns* columns) {
  size_t kept = start;
  size_t next_histogram = 0;
  size_t kept_histograms = 0;
  auto& histograms = columns->histograms;
  for (size_t i = start; i < columns->size(); ++i) {
    const int64_t timestamp = columns->timestamps[i];
    const double value = columns->values[i];
    for (; next_histogram < histograms.size() && histograms[next_histogram].index < i; ++next_histogram) {
      kept_histograms += histograms[next_histogram].index < start ? 1 : 0;
    }
    if (next_histogram < histograms.size() && histograms[next_histogram].index == i) {
      // Histograms pass through; the engine sees their resets.
      if (kept_histograms != next_histogram) {
        histograms[kept_histograms] = std::move(histograms[next_histogram]);
      }
      histograms[kept_histograms++].index = kept;
      ++next_histogram;
      columns->timestamps[kept] = timestamp;
      columns->values[kept++] = 0;
      continue;
    }
    if (std::isnan(value) || (started_ && timestamp < last_time_)) {
      continue;
    }
    if (started_ && timestamp == last_time_) {
      last_value_ = value;
      continue;
    }
    total_ += !started_ ? value : value >= last_value_ ? value - last_value_ : value;
    started_ = true;
    last_time_ = timestamp;
    last_value_ = value;
    columns->timestamps[kept] = timestamp;
    columns->values[kept++] = total_;
  }
  for (; next_histogram < histograms.size() && histograms[next_histogram].index < start; ++next_histogram) {
    ++kept_histograms;
  }
  histograms.erase(histograms.begin() + static_cast<ptrdiff_t>(kept_histograms), histograms.end());
  columns->timestamps.resize(kept);
  columns->values.resize(kept);
}

void ResetRemover::Pass(const SampleColumns& columns, size_t start) {
  for (size_t i = columns.size(); i-- > start;) {
    if (std::isnan(columns.values[i])) {
      continue;
    }
    started_ = true;
    last_time_ = columns.timestamps[i];
    last_value_ = columns.values[i];
    total_ = last_value_;
    return;
  }
}

base::Status LaneDecoder::Decode(const series::Chunk& chunk, int64_t min_ms, int64_t max_ms,
                                 SampleColumns* out) {
  if (read_as_ == ReadAs::kCounter) {
    return DecodeCounter(chunk, min_ms, max_ms, out);
  }
  if (read_as_ == ReadAs::kAverage) {
    return chunk.raw.present() ? DecodeData(chunk.raw, min_ms, max_ms, out)
                               : DecodeAverage(chunk, min_ms, max_ms, out);
  }
  const ChunkData* const aggregate = FindAggregate(chunk, SingleAggregate(read_as_));
  const ChunkData& data = aggregate != nullptr ? *aggregate : chunk.raw;
  return data.present() ? DecodeData(data, min_ms, max_ms, out) : base::OkStatus();
}

base::Status LaneDecoder::DecodeCounter(const series::Chunk& chunk, int64_t min_ms, int64_t max_ms,
                                        SampleColumns* out) {
  const size_t start = out->size();
  const ChunkData* const aggregate = FindAggregate(chunk, Aggregate::kCounter);
  if (aggregate == nullptr && !seen_counter_aggregate_) {
    if (chunk.raw.present()) {
      TH_RETURN_IF_ERROR(DecodeData(chunk.raw, min_ms, max_ms, out));
      resets_.Pass(*out, start);
    }
    return base::OkStatus();
  }
  const ChunkData& data = aggregate != nullptr ? *aggregate : chunk.raw;
  if (data.present()) {
    seen_counter_aggregate_ = true;
    TH_RETURN_IF_ERROR(DecodeData(data, kNoLimit, max_ms, out));
    resets_.Process(start, out);
  }
  return base::OkStatus();
}

base::Status LaneDecoder::DecodeAverage(const series::Chunk& chunk, int64_t min_ms, int64_t max_ms,
                                        SampleColumns* out) {
  const ChunkData* const count = FindAggregate(chunk, Aggregate::kCount);
  const ChunkData* const sum = FindAggregate(chunk, Aggregate::kSum);
  if (count == nullptr || sum == nullptr) {
    return base::OkStatus();
  }
  SampleColumns counts;
  TH_RETURN_IF_ERROR(DecodeData(*count, min_ms, max_ms, &counts));
  const size_t start = out->size();
  const size_t histograms_start = out->histograms.size();
  TH_RETURN_IF_ERROR(DecodeData(*sum, min_ms, max_ms, out));
  if (out->size() - start != counts.size()) {
    return base::DataLoss("downsampled chunk has ", counts.size(), " counts and ", out->size() - start,
                          " sums");
  }
  for (size_t i = 0; i < counts.size(); ++i) {
    if (counts.timestamps[i] != out->timestamps[start + i]) {
      return base::DataLoss("downsampled chunk has counts and sums at different times");
    }
    out->values[start + i] /= counts.values[i];
  }
  for (size_t i = histograms_start; i < out->histograms.size(); ++i) {
    const size_t index = out->histograms[i].index;
    out->values[index] = 0;
    model::Divide(out->histograms[i].value, counts.values[index - start]);
  }
  return base::OkStatus();
}

}  // namespace thanos::dedup::internal
