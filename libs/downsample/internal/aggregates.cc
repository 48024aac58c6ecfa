#include "downsample/internal/aggregates.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <utility>
#include <vector>

#include "chunkenc/column_decoder.h"
#include "downsample/counter_resets.h"
#include "downsample/internal/histogram_batch.h"
#include "downsample/internal/raw.h"
#include "downsample/internal/windows.h"

namespace thanos::downsample::internal {
namespace {

using chunkenc::Encoding;
using chunkenc::SampleColumns;

bool IsHistogram(const AggregateInput& chunk) {
  const Encoding encoding = chunk.parts[kCounter].encoding;
  return encoding == Encoding::kHistogram || encoding == Encoding::kFloatHistogram;
}

// The times of a chunk's windows.
struct TimeRange {
  int64_t min_ms = std::numeric_limits<int64_t>::max();
  int64_t max_ms = std::numeric_limits<int64_t>::min();

  void Include(int64_t time_ms) {
    min_ms = std::min(min_ms, time_ms);
    max_ms = std::max(max_ms, time_ms);
  }
};

// Calls body(window, begin, end) for each window of `times`; returns the last window's time.
template <typename Body>
int64_t ForEachWindow(const std::vector<int64_t>& times, int64_t resolution_ms, Body body) {
  int64_t window_ms = 0;
  for (size_t begin = 0; begin < times.size();) {
    window_ms = std::min(WindowEnd(times[begin], resolution_ms), times.back());
    size_t end = begin;
    while (end < times.size() && times[end] <= window_ms) {
      ++end;
    }
    body(window_ms, begin, end);
    begin = end;
  }
  return window_ms;
}

base::Status Expand(std::span<const AggregateInput> chunks, Part part, SampleColumns* columns) {
  columns->Clear();
  for (const AggregateInput& chunk : chunks) {
    const chunkenc::AggregatePart& encoded = chunk.parts[part];
    if (encoded.encoding != Encoding::kNone) {
      TH_RETURN_IF_ERROR(ExpandChunk(encoded.encoding, encoded.data, columns));
    }
  }
  return base::OkStatus();
}

double Combine(Part part, const double* values, size_t count) {
  double result = part == kMin   ? std::numeric_limits<double>::infinity()
                  : part == kMax ? -std::numeric_limits<double>::infinity()
                                 : 0;
  for (size_t i = 0; i < count; ++i) {
    const double value = values[i];
    if (part == kMin) {
      result = value < result ? value : result;
    } else if (part == kMax) {
      result = value > result ? value : result;
    } else {
      result += value;
    }
  }
  return result;
}

base::Status WriteCounter(std::span<const AggregateInput> chunks, int64_t resolution_ms,
                          AggregateChunkWriter* writer, TimeRange* range) {
  SampleColumns counter;
  CounterResets resets;
  for (const AggregateInput& chunk : chunks) {
    const chunkenc::AggregatePart& encoded = chunk.parts[kCounter];
    if (encoded.encoding == Encoding::kNone) {
      continue;
    }
    const size_t start = counter.size();
    TH_RETURN_IF_ERROR(ExpandChunk(encoded.encoding, encoded.data, &counter));
    if (!counter.histograms.empty()) {
      return base::DataLoss("histograms among counters of floats");
    }
    resets.Process(start, &counter);
  }
  if (counter.empty()) {
    return base::OkStatus();
  }
  writer->Add(kCounter, counter.timestamps.front(), counter.values.front());  // the first raw value
  // Adds up differences, like the aggregation of raw samples, which rounds in the same way.
  double total = counter.values.front();
  double last = total;
  const int64_t last_ms =
      ForEachWindow(counter.timestamps, resolution_ms, [&](int64_t window_ms, size_t begin, size_t end) {
        for (size_t i = std::max<size_t>(begin, 1); i < end; ++i) {
          const double value = counter.values[i];
          total += value < last ? value : value - last;
          last = value;
        }
        range->Include(window_ms);
        writer->Add(kCounter, window_ms, total);
      });
  writer->Add(kCounter, last_ms, resets.last_value());  // the last raw value
  return base::OkStatus();
}

base::Status WriteFloatBatch(std::span<const AggregateInput> chunks, int64_t resolution_ms,
                             AggregateChunkWriter* writer, block::ChunkRecordBuffer* out) {
  SampleColumns columns;
  TimeRange range;
  for (const Part part : {kCount, kSum, kMin, kMax}) {
    TH_RETURN_IF_ERROR(Expand(chunks, part, &columns));
    if (!columns.histograms.empty()) {
      return base::DataLoss("histograms among aggregates of floats");
    }
    ForEachWindow(columns.timestamps, resolution_ms, [&](int64_t window_ms, size_t begin, size_t end) {
      range.Include(window_ms);
      writer->Add(part, window_ms, Combine(part, &columns.values[begin], end - begin));
    });
  }
  TH_RETURN_IF_ERROR(WriteCounter(chunks, resolution_ms, writer, &range));
  return writer->Finish(range.min_ms, range.max_ms, out);
}

base::Status WriteHistogramChunks(std::span<const AggregateInput> chunks, int64_t resolution_ms,
                                  AggregateChunkWriter* writer, block::ChunkRecordBuffer* out) {
  HistogramSamples samples;
  SampleColumns columns;
  TH_RETURN_IF_ERROR(Expand(chunks, kCount, &columns));
  samples.times_ms = columns.timestamps;
  samples.counts = columns.values;
  for (const Part part : {kSum, kCounter}) {
    TH_RETURN_IF_ERROR(Expand(chunks, part, &columns));
    if (columns.histograms.size() != columns.size() || columns.timestamps != samples.times_ms) {
      return base::DataLoss("aggregates of histograms have different timestamps");
    }
    for (SampleColumns::HistogramAt& histogram : columns.histograms) {
      (part == kSum ? samples.sums : samples.counters).push_back(std::move(histogram.value));
    }
  }
  return WriteHistogramBatch(&samples, resolution_ms, writer, out);
}

// Chunks of one kind.
base::Status DownsampleRun(std::span<const AggregateInput> chunks, int64_t input_resolution_ms,
                           int64_t resolution_ms, AggregateChunkWriter* writer,
                           block::ChunkRecordBuffer* out) {
  size_t num_samples = 0;
  for (const AggregateInput& chunk : chunks) {
    if (chunk.parts[kCount].encoding != Encoding::kNone) {
      TH_ASSIGN_OR_RETURN(const int count,
                          chunkenc::NumSamples(chunk.parts[kCount].encoding, chunk.parts[kCount].data));
      num_samples += static_cast<size_t>(count);
    }
  }
  const size_t num_chunks = TargetChunkCount(chunks.front().min_time_ms, chunks.back().max_time_ms,
                                             input_resolution_ms, resolution_ms, num_samples);
  const size_t batch_size = std::max<size_t>(1, chunks.size() / num_chunks);
  const bool histograms = IsHistogram(chunks.front());
  for (size_t begin = 0; begin < chunks.size(); begin += batch_size) {
    const auto batch = chunks.subspan(begin, std::min(batch_size, chunks.size() - begin));
    TH_RETURN_IF_ERROR(histograms ? WriteHistogramChunks(batch, resolution_ms, writer, out)
                                  : WriteFloatBatch(batch, resolution_ms, writer, out));
  }
  return base::OkStatus();
}

}  // namespace

base::Status DownsampleAggregates(std::span<const AggregateInput> chunks, int64_t input_resolution_ms,
                                  int64_t resolution_ms, AggregateChunkWriter* writer,
                                  block::ChunkRecordBuffer* out) {
  for (size_t begin = 0; begin < chunks.size();) {
    size_t end = begin + 1;
    while (end < chunks.size() && IsHistogram(chunks[begin]) == IsHistogram(chunks[end])) {
      ++end;
    }
    TH_RETURN_IF_ERROR(
        DownsampleRun(chunks.subspan(begin, end - begin), input_resolution_ms, resolution_ms, writer, out));
    begin = end;
  }
  return base::OkStatus();
}

}  // namespace thanos::downsample::internal
