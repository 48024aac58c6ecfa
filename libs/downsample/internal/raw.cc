#include "downsample/internal/raw.h"

#include <algorithm>
#include <bit>
#include <cmath>
#include <limits>
#include <span>

#include "chunkenc/column_decoder.h"
#include "downsample/internal/histogram_batch.h"
#include "downsample/internal/windows.h"
#include "model/time_range.h"

namespace thanos::downsample::internal {
namespace {

using chunkenc::SampleColumns;

// Raw samples are taken to be a minute apart; this is good enough for the number of chunks.
constexpr int64_t kAssumedRawResolutionMs = 60'000;
// Beyond any time, but far enough from the end of the numbers to calculate with.
constexpr int64_t kLatestMs = int64_t{1} << 60;
constexpr int64_t kMinTime = std::numeric_limits<int64_t>::min();
constexpr int64_t kMaxTime = std::numeric_limits<int64_t>::max();

// Whether the float samples behind `start` need no filter. Without early exit, so that it can be vectorised.
bool IsPlain(const SampleColumns& columns, size_t start) {
  const size_t size = columns.size();
  bool plain = start == size || columns.timestamps[start] >= 0;
  for (size_t i = start + 1; i < size; ++i) {
    plain &= columns.timestamps[i - 1] <= columns.timestamps[i];
  }
  for (size_t i = start; i < size; ++i) {
    plain &= std::bit_cast<uint64_t>(columns.values[i]) != chunkenc::kStaleNanBits;
  }
  return plain;
}

// Keeps the samples behind `start` that `keep(position)` accepts; `histogram` is the first histogram behind
// it.
template <typename Keep>
void Filter(size_t start, size_t histogram, Keep keep, SampleColumns* columns) {
  size_t kept = start;
  size_t kept_histogram = histogram;
  auto& histograms = columns->histograms;
  for (size_t i = start; i < columns->size(); ++i) {
    const bool is_histogram = histogram < histograms.size() && histograms[histogram].index == i;
    const bool stale = is_histogram ? std::isnan(histograms[histogram].value.sum) &&
                                          model::IsStale(histograms[histogram].value)
                                    : chunkenc::IsStaleNan(columns->values[i]);
    if (!stale && keep(columns->timestamps[i])) {
      columns->timestamps[kept] = columns->timestamps[i];
      columns->values[kept] = columns->values[i];
      if (is_histogram) {
        if (kept_histogram != histogram) {
          histograms[kept_histogram] = std::move(histograms[histogram]);
        }
        histograms[kept_histogram++].index = kept;
      }
      ++kept;
    }
    histogram += is_histogram ? 1 : 0;
  }
  columns->timestamps.resize(kept);
  columns->values.resize(kept);
  histograms.erase(histograms.begin() + static_cast<ptrdiff_t>(kept_histogram), histograms.end());
}

// `value`, or 0 where the condition holds; without a branch, because gauges fall half of the time.
double ZeroIf(bool condition, double value) {
  const uint64_t mask = static_cast<uint64_t>(condition) - 1;
  return std::bit_cast<double>(std::bit_cast<uint64_t>(value) & mask);
}

// The aggregates of a batch of floats without NaNs.
class FloatBatch {
 public:
  FloatBatch(std::span<const int64_t> times, std::span<const double> values, int64_t resolution_ms)
      : times_(times), values_(values), resolution_ms_(resolution_ms) {}

  base::Status Write(AggregateChunkWriter* writer, block::ChunkRecordBuffer* out) {
    const int64_t last_ms = times_.back();
    writer->Add(kCounter, times_.front(), values_.front());  // the first raw value
    counter_ = last_value_ = values_.front();
    int64_t first_window_ms = 0;
    int64_t window_ms = 0;
    for (size_t begin = 0; begin < times_.size();) {
      window_ms = std::min(WindowEnd(times_[begin], resolution_ms_), last_ms);
      if (begin == 0) {
        first_window_ms = window_ms;
      }
      begin = WriteWindow(begin, window_ms, writer);
    }
    writer->Add(kCounter, window_ms, values_.back());  // the last raw value
    return writer->Finish(first_window_ms, window_ms, out);
  }

 private:
  // Returns the position behind the window.
  size_t WriteWindow(size_t begin, int64_t window_ms, AggregateChunkWriter* writer) {
    const size_t size = times_.size();
    const int64_t* const times = times_.data();
    const double* const values = values_.data();
    // Locals, so that the sums stay in registers.
    double sum = 0;
    double min = std::numeric_limits<double>::infinity();
    double max = -std::numeric_limits<double>::infinity();
    double counter = counter_;
    double last = last_value_;
    size_t i = begin;
    if (begin == 0) {
      // The first sample is where the counter starts.
      sum += values[0];
      min = max = values[0];
      ++i;
    }
    for (; i < size && times[i] <= window_ms; ++i) {
      const double value = values[i];
      counter += value - ZeroIf(value < last, last);
      last = value;
      sum += value;
      min = value < min ? value : min;
      max = value > max ? value : max;
    }
    counter_ = counter;
    last_value_ = last;
    const Window window{
        .time_ms = window_ms, .count = i - begin, .sum = sum, .min = min, .max = max, .counter = counter};
    writer->AddWindow(window);
    return i;
  }

  const std::span<const int64_t> times_;
  const std::span<const double> values_;
  const int64_t resolution_ms_;
  double counter_ = 0;
  double last_value_ = 0;
};

// Moves the samples of [begin, end) that are no NaNs to the front of it and returns their number.
size_t DropNans(size_t begin, size_t end, SampleColumns* samples) {
  bool any = false;
  for (size_t i = begin; i < end; ++i) {
    any |= std::isnan(samples->values[i]);
  }
  if (!any) {
    return end - begin;
  }
  size_t kept = begin;
  for (size_t i = begin; i < end; ++i) {
    if (!std::isnan(samples->values[i])) {
      samples->timestamps[kept] = samples->timestamps[i];
      samples->values[kept++] = samples->values[i];
    }
  }
  return kept - begin;
}

}  // namespace

size_t TargetChunkCount(int64_t min_time_ms, int64_t max_time_ms, int64_t input_resolution_ms,
                        int64_t output_resolution_ms, size_t num_samples) {
  const int64_t range = model::SaturatingSubtract(max_time_ms, min_time_ms);
  const double fullness = static_cast<double>(num_samples) /
                          (static_cast<double>(range) / static_cast<double>(input_resolution_ms));
  const double fill = fullness > 1 ? 1 : fullness;
  const auto max_windows = static_cast<double>(range / output_resolution_ms);
  const auto expected = static_cast<size_t>(max_windows * fill) + 1;
  size_t count = 1;
  while (expected / count > 140) {
    ++count;
  }
  return count;
}

base::Status ExpandChunk(chunkenc::Encoding encoding, std::string_view data, SampleColumns* out) {
  const size_t start = out->size();
  const size_t histogram = out->histograms.size();
  TH_RETURN_IF_ERROR(chunkenc::DecodeChunk(encoding, data, kMinTime, kMaxTime, out));
  int64_t last_ms = 0;
  if (encoding == chunkenc::Encoding::kXor && IsPlain(*out, start)) {
    last_ms = out->size() > start ? out->timestamps.back() : 0;
    return last_ms <= kLatestMs ? base::OkStatus() : base::DataLoss("timestamp ", last_ms);
  }
  Filter(
      start, histogram,
      [&](int64_t time_ms) {
        const bool forward = time_ms >= last_ms;
        last_ms = forward ? time_ms : last_ms;
        return forward;
      },
      out);
  return last_ms <= kLatestMs ? base::OkStatus() : base::DataLoss("timestamp ", last_ms);
}

base::Status DownsampleRaw(SampleColumns* samples, int64_t resolution_ms, AggregateChunkWriter* writer,
                           block::ChunkRecordBuffer* out) {
  const size_t size = samples->size();
  if (size == 0) {
    return base::OkStatus();
  }
  const auto& times = samples->timestamps;
  const size_t num_chunks =
      TargetChunkCount(times.front(), times.back(), kAssumedRawResolutionMs, resolution_ms, size);
  const size_t batch_size = size / num_chunks + 1;
  const bool histograms = !samples->histograms.empty();
  HistogramSamples batch_of_histograms;
  for (size_t begin = 0; begin < size;) {
    size_t end = std::min(begin + batch_size, size);
    // A batch never ends within a window, so that windows are whole.
    const int64_t window_ms = WindowEnd(times[end - 1], resolution_ms);
    while (end < size && times[end] <= window_ms) {
      ++end;
    }
    if (histograms) {
      batch_of_histograms.Clear();
      batch_of_histograms.times_ms.assign(times.begin() + static_cast<ptrdiff_t>(begin),
                                          times.begin() + static_cast<ptrdiff_t>(end));
      batch_of_histograms.counts.assign(end - begin, 1);
      for (size_t i = begin; i < end; ++i) {
        batch_of_histograms.counters.push_back(std::move(samples->histograms[i].value));
      }
      TH_RETURN_IF_ERROR(WriteHistogramBatch(&batch_of_histograms, resolution_ms, writer, out));
    } else if (const size_t kept = DropNans(begin, end, samples); kept > 0) {
      FloatBatch batch(std::span<const int64_t>(times).subspan(begin, kept),
                       std::span<const double>(samples->values).subspan(begin, kept), resolution_ms);
      TH_RETURN_IF_ERROR(batch.Write(writer, out));
    }
    begin = end;
  }
  return base::OkStatus();
}

}  // namespace thanos::downsample::internal
