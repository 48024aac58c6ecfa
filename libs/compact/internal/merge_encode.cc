#include "compact/internal/merge_encode.h"

#include <algorithm>
#include <string>

#include "base/check.h"
#include "chunkenc/appender.h"
#include "model/histogram.h"

namespace thanos::compact::internal {
namespace {

using chunkenc::AppendResult;
using chunkenc::Encoding;
using chunkenc::SampleColumns;
using model::CounterResetHint;

constexpr size_t kSamplesPerChunk = 120;

struct Scratch {
  chunkenc::XorAppender floats;
  chunkenc::HistogramAppender histograms;
  chunkenc::FloatHistogramAppender float_histograms;
  std::string data;
};

void EncodeFloats(const SampleColumns& samples, size_t begin, size_t end, Scratch& scratch,
                  block::ChunkRecordBuffer* out) {
  while (begin < end) {
    const size_t chunk_end = std::min(begin + kSamplesPerChunk, end);
    for (size_t i = begin; i < chunk_end; ++i) {
      scratch.floats.Append(samples.timestamps[i], samples.values[i]);
    }
    scratch.data.clear();
    scratch.floats.FinishTo(&scratch.data);
    out->AddChunk(samples.timestamps[begin], samples.timestamps[chunk_end - 1], Encoding::kXor,
                  static_cast<uint32_t>(chunk_end - begin), scratch.data);
    begin = chunk_end;
  }
}

// Histograms of one kind: entries [begin, end) of samples.histograms.
template <typename Appender>
void EncodeHistograms(const SampleColumns& samples, size_t begin, size_t end, Encoding encoding,
                      Appender& appender, std::string& data, block::ChunkRecordBuffer* out) {
  size_t chunk_begin = begin;
  const auto time_of = [&](size_t i) { return samples.timestamps[samples.histograms[i].index]; };
  const auto finish = [&](size_t chunk_end) {
    data.clear();
    appender.FinishTo(&data);
    out->AddChunk(time_of(chunk_begin), time_of(chunk_end - 1), encoding,
                  static_cast<uint32_t>(chunk_end - chunk_begin), data);
    chunk_begin = chunk_end;
  };
  for (size_t i = begin; i < end; ++i) {
    if (i - chunk_begin == kSamplesPerChunk) {
      finish(i);
    }
    const model::Histogram& histogram = samples.histograms[i].value;
    AppendResult result = AppendResult::kNewChunk;
    if (i > chunk_begin) {
      result = appender.Append(time_of(i), histogram);
      if (result == AppendResult::kAppended) {
        continue;
      }
      finish(i);
    }
    model::Histogram first = histogram;
    if (result == AppendResult::kNewChunkAfterReset) {
      first.counter_reset_hint = CounterResetHint::kReset;
    } else if (first.counter_reset_hint == CounterResetHint::kNotReset) {
      first.counter_reset_hint = CounterResetHint::kUnknown;
    }
    const AppendResult appended = appender.Append(time_of(i), first);
    TH_CHECK(appended == AppendResult::kAppended);
  }
  if (chunk_begin < end) {
    finish(end);
  }
}

}  // namespace

void EncodeSamples(const SampleColumns& samples, block::ChunkRecordBuffer* out) {
  thread_local Scratch scratch;
  size_t position = 0;
  size_t histogram = 0;
  const auto& histograms = samples.histograms;
  while (position < samples.size()) {
    const size_t next = histogram < histograms.size() ? histograms[histogram].index : samples.size();
    if (position < next) {
      EncodeFloats(samples, position, next, scratch, out);
      position = next;
      continue;
    }
    size_t end = histogram;
    const bool is_float = histograms[histogram].value.is_float;
    while (end < histograms.size() && histograms[end].index == position &&
           histograms[end].value.is_float == is_float) {
      ++end;
      ++position;
    }
    if (is_float) {
      EncodeHistograms(samples, histogram, end, Encoding::kFloatHistogram, scratch.float_histograms,
                       scratch.data, out);
    } else {
      EncodeHistograms(samples, histogram, end, Encoding::kHistogram, scratch.histograms, scratch.data, out);
    }
    histogram = end;
  }
}

}  // namespace thanos::compact::internal
