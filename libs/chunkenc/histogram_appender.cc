// The format is drawn in histogram_layout.h and histogram_decoder.cc.
#include <bit>
#include <limits>

#include "chunkenc/appender.h"
#include "chunkenc/chunk.h"
#include "chunkenc/decoders.h"
#include "chunkenc/histogram_layout.h"
#include "chunkenc/layout_union.h"
#include "chunkenc/varbit.h"

namespace thanos::chunkenc {
namespace {

using model::CounterResetHint;

bool SameBounds(const model::Histogram& a, const model::Histogram& b) {
  return !a.uses_custom_buckets() || a.custom_bounds == b.custom_bounds;
}

bool SameSpans(const model::Histogram& a, const model::Histogram& b) {
  return a.positive_spans == b.positive_spans && a.negative_spans == b.negative_spans;
}

// Whether `next` may follow `previous`, the last sample of a chunk that is not empty, if need be after both
// got more empty buckets.
AppendResult CanFollow(const model::Histogram& previous, const model::Histogram& next, bool is_gauge_chunk,
                       int num_samples) {
  if (num_samples >= kMaxSamplesPerChunk ||
      is_gauge_chunk != (next.counter_reset_hint == CounterResetHint::kGauge)) {
    return AppendResult::kNewChunk;
  }
  if (next.counter_reset_hint == CounterResetHint::kReset) {
    return AppendResult::kNewChunkAfterReset;
  }
  if (model::IsStale(next)) {
    return AppendResult::kAppended;
  }
  if (model::IsStale(previous)) {
    return AppendResult::kNewChunk;
  }
  if (!is_gauge_chunk && next.count < previous.count) {
    return AppendResult::kNewChunkAfterReset;
  }
  if (next.schema != previous.schema || next.zero_threshold != previous.zero_threshold) {
    return AppendResult::kNewChunk;
  }
  if (!SameBounds(previous, next)) {
    return is_gauge_chunk ? AppendResult::kNewChunk : AppendResult::kNewChunkAfterReset;
  }
  return !is_gauge_chunk && model::LooksReset(previous, next) ? AppendResult::kNewChunkAfterReset
                                                              : AppendResult::kAppended;
}

// What is written for `histogram`: a stale sample keeps its sum and hint only.
model::Histogram Written(const model::Histogram& histogram) {
  if (!model::IsStale(histogram)) {
    return histogram;
  }
  model::Histogram stale;
  stale.is_float = histogram.is_float;
  stale.counter_reset_hint = histogram.counter_reset_hint;
  stale.sum = histogram.sum;
  return stale;
}

void WriteCount(std::string* bytes, int num_samples) {
  (*bytes)[0] = static_cast<char>(num_samples >> 8);
  (*bytes)[1] = static_cast<char>(num_samples);
}

// Differences between neighbouring buckets.
void AppendDifferences(const std::vector<double>& buckets, std::vector<int64_t>* out) {
  int64_t previous = 0;
  for (const double bucket : buckets) {
    const auto absolute = static_cast<int64_t>(bucket);
    out->push_back(absolute - previous);
    previous = absolute;
  }
}

bool IsGaugeChunk(const std::string& bytes) {
  return internal::HintOf(static_cast<uint8_t>(bytes[2])) == CounterResetHint::kGauge;
}

// Gives `sample` the buckets of the chunk in `appender` and the chunk those of the sample, for which it may
// have to be coded again with more empty buckets. `previous` is the chunk's last sample.
template <typename Appender>
void MatchLayouts(bool is_float, const model::Histogram& previous, Appender& appender,
                  model::Histogram* sample) {
  const std::string bytes = appender.Bytes();
  const internal::LayoutUnion layout = internal::UniteLayouts(previous, *sample, IsGaugeChunk(bytes));
  internal::WidenTo(layout, sample);
  if (!layout.chunk_grows) {
    return;
  }
  SampleColumns samples;
  TH_CHECK(internal::DecodeHistograms(is_float, bytes, std::numeric_limits<int64_t>::min(),
                                      std::numeric_limits<int64_t>::max(), &samples)
               .ok());
  std::string old_chunk;
  appender.FinishTo(&old_chunk);
  for (SampleColumns::HistogramAt& at : samples.histograms) {
    internal::WidenTo(layout, &at.value);
    if (at.index == 0) {
      at.value.counter_reset_hint = internal::HintOf(static_cast<uint8_t>(bytes[2]));
    }
    TH_CHECK(appender.Append(samples.timestamps[at.index], at.value) == AppendResult::kAppended);
  }
}

int64_t WrappingSubtract(int64_t a, int64_t b) {
  return static_cast<int64_t>(static_cast<uint64_t>(a) - static_cast<uint64_t>(b));
}

}  // namespace

HistogramAppender::HistogramAppender() : writer_(&bytes_) {
  Reset();
}

void HistogramAppender::Reset() {
  writer_.Flush();
  bytes_.assign(internal::kHistogramHeaderBytes, '\0');
  num_samples_ = 0;
  timestamp_ = 0;
  timestamp_delta_ = 0;
  previous_ = {};
  sum_ = {};
  last_.clear();
  last_delta_.clear();
}

AppendResult HistogramAppender::Append(int64_t timestamp_ms, const model::Histogram& histogram) {
  if (num_samples_ > 0) {
    const AppendResult result = CanFollow(previous_, histogram, IsGaugeChunk(bytes_), num_samples_);
    if (result != AppendResult::kAppended) {
      return result;
    }
  }
  model::Histogram written = Written(histogram);
  TH_CHECK(written.positive_buckets.size() == model::NumBuckets(written.positive_spans));
  TH_CHECK(written.negative_buckets.size() == model::NumBuckets(written.negative_spans));
  if (num_samples_ > 0 && !model::IsStale(written) && !SameSpans(previous_, written)) {
    MatchLayouts(false, previous_, *this, &written);
  }
  // Count, zero count, then bucket differences.
  std::vector<int64_t> numbers = {static_cast<int64_t>(written.count),
                                  static_cast<int64_t>(written.zero_count)};
  AppendDifferences(written.positive_buckets, &numbers);
  AppendDifferences(written.negative_buckets, &numbers);
  if (num_samples_ == 0) {
    bytes_[2] = static_cast<char>(internal::FlagsOf(written.counter_reset_hint));
    internal::WriteLayout(writer_, written);
    internal::WriteVarbitInt(writer_, timestamp_ms);
    internal::WriteVarbitUint(writer_, static_cast<uint64_t>(numbers[0]));
    internal::WriteVarbitUint(writer_, static_cast<uint64_t>(numbers[1]));
    sum_.bits = std::bit_cast<uint64_t>(written.sum);
    writer_.WriteBits(sum_.bits, 64);
    for (size_t i = 2; i < numbers.size(); ++i) {
      internal::WriteVarbitInt(writer_, numbers[i]);
    }
    last_delta_.assign(numbers.size(), 0);
    last_ = std::move(numbers);
  } else {
    const int64_t timestamp_delta = WrappingSubtract(timestamp_ms, timestamp_);
    internal::WriteVarbitInt(writer_, WrappingSubtract(timestamp_delta, timestamp_delta_));
    timestamp_delta_ = timestamp_delta;
    // A stale sample leaves the counts' course unchanged.
    const bool stale = model::IsStale(written);
    for (size_t i = 0; i < numbers.size(); ++i) {
      if (i == 2) {
        internal::WriteXor(writer_, written.sum, &sum_);
      }
      const int64_t delta = stale ? last_delta_[i] : numbers[i] - last_[i];
      internal::WriteVarbitInt(writer_, delta - last_delta_[i]);
      last_delta_[i] = delta;
      last_[i] += delta;
    }
    if (numbers.size() == 2) {
      internal::WriteXor(writer_, written.sum, &sum_);
    }
  }
  timestamp_ = timestamp_ms;
  previous_ = std::move(written);
  WriteCount(&bytes_, ++num_samples_);
  return AppendResult::kAppended;
}

size_t HistogramAppender::size_bytes() const {
  return bytes_.size() + internal::NumFinishBytes(writer_);
}

std::string HistogramAppender::Bytes() const {
  std::string chunk = bytes_;
  internal::FinishChunk(writer_, &chunk);
  return chunk;
}

void HistogramAppender::FinishTo(std::string* out) {
  out->append(bytes_);
  internal::FinishChunk(writer_, out);
  Reset();
}

FloatHistogramAppender::FloatHistogramAppender() : writer_(&bytes_) {
  Reset();
}

void FloatHistogramAppender::Reset() {
  writer_.Flush();
  bytes_.assign(internal::kHistogramHeaderBytes, '\0');
  num_samples_ = 0;
  timestamp_ = 0;
  timestamp_delta_ = 0;
  previous_ = {};
  columns_.clear();
}

AppendResult FloatHistogramAppender::Append(int64_t timestamp_ms, const model::Histogram& histogram) {
  if (num_samples_ > 0) {
    const AppendResult result = CanFollow(previous_, histogram, IsGaugeChunk(bytes_), num_samples_);
    if (result != AppendResult::kAppended) {
      return result;
    }
  }
  model::Histogram written = Written(histogram);
  TH_CHECK(written.positive_buckets.size() == model::NumBuckets(written.positive_spans));
  TH_CHECK(written.negative_buckets.size() == model::NumBuckets(written.negative_spans));
  if (num_samples_ > 0 && !model::IsStale(written) && !SameSpans(previous_, written)) {
    MatchLayouts(true, previous_, *this, &written);
  }
  std::vector<double> numbers = {written.count, written.zero_count, written.sum};
  numbers.insert(numbers.end(), written.positive_buckets.begin(), written.positive_buckets.end());
  numbers.insert(numbers.end(), written.negative_buckets.begin(), written.negative_buckets.end());
  if (num_samples_ == 0) {
    bytes_[2] = static_cast<char>(internal::FlagsOf(written.counter_reset_hint));
    internal::WriteLayout(writer_, written);
    internal::WriteVarbitInt(writer_, timestamp_ms);
    columns_.resize(numbers.size());
    for (size_t i = 0; i < numbers.size(); ++i) {
      columns_[i].bits = std::bit_cast<uint64_t>(numbers[i]);
      writer_.WriteBits(columns_[i].bits, 64);
    }
  } else {
    const int64_t timestamp_delta = WrappingSubtract(timestamp_ms, timestamp_);
    internal::WriteVarbitInt(writer_, WrappingSubtract(timestamp_delta, timestamp_delta_));
    timestamp_delta_ = timestamp_delta;
    for (size_t i = 0; i < numbers.size(); ++i) {
      internal::WriteXor(writer_, numbers[i], &columns_[i]);
    }
  }
  timestamp_ = timestamp_ms;
  previous_ = std::move(written);
  WriteCount(&bytes_, ++num_samples_);
  return AppendResult::kAppended;
}

size_t FloatHistogramAppender::size_bytes() const {
  return bytes_.size() + internal::NumFinishBytes(writer_);
}

std::string FloatHistogramAppender::Bytes() const {
  std::string chunk = bytes_;
  internal::FinishChunk(writer_, &chunk);
  return chunk;
}

void FloatHistogramAppender::FinishTo(std::string* out) {
  out->append(bytes_);
  internal::FinishChunk(writer_, out);
  Reset();
}

}  // namespace thanos::chunkenc
