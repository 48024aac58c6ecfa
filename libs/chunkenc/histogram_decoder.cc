// Behind the layout (histogram_layout.h), integer histograms hold
//   first sample   t, count, zero count, sum (64 bits), buckets, each as the difference to its neighbour
//   others         delta-of-delta of t, count, zero count; xor(sum); delta-of-delta of each bucket difference
// as varbit integers, and float histograms
//   first sample   t varbit; count, zero count, sum and buckets (absolute) as 64 bits
//   others         delta-of-delta of t varbit; xor of count, zero count, sum and each bucket, each with its
//   own window
// A stale sample ends behind its sum, except in a first sample, where the layout has no buckets anyway.
#include <bit>

#include "chunkenc/decoders.h"
#include "chunkenc/histogram_layout.h"
#include "model/histogram_math.h"

namespace thanos::chunkenc::internal {
namespace {

// A number kept with its last difference, for delta-of-delta coding. Unsigned, because damage may overflow
// it.
struct Second {
  uint64_t value = 0;
  uint64_t delta = 0;

  [[nodiscard]] bool Read(encoding::BitReader& reader) {
    int64_t dod;
    if (!ReadVarbitInt(reader, &dod)) {
      return false;
    }
    delta += static_cast<uint64_t>(dod);
    value += delta;
    return true;
  }
};

[[nodiscard]] bool ReadInt(encoding::BitReader& reader, uint64_t* value) {
  int64_t number;
  if (!ReadVarbitInt(reader, &number)) {
    return false;
  }
  *value = static_cast<uint64_t>(number);
  return true;
}

class IntegerReader {
 public:
  static constexpr unsigned kMinBitsPerBucket = 1;

  explicit IntegerReader(size_t num_buckets) : buckets_(num_buckets) {}

  [[nodiscard]] bool ReadFirst(encoding::BitReader& reader) {
    if (!ReadInt(reader, &time_.value) || !ReadVarbitUint(reader, &count_.value) ||
        !ReadVarbitUint(reader, &zero_count_.value) || !reader.ReadBits(64, &sum_.bits)) {
      return false;
    }
    for (Second& bucket : buckets_) {
      if (!ReadInt(reader, &bucket.value)) {
        return false;
      }
    }
    return true;
  }

  [[nodiscard]] bool ReadNext(encoding::BitReader& reader) {
    if (!time_.Read(reader) || !count_.Read(reader) || !zero_count_.Read(reader) || !ReadXor(reader, &sum_)) {
      return false;
    }
    if (sum_.bits == kStaleNanBits) {
      return true;
    }
    for (Second& bucket : buckets_) {
      if (!bucket.Read(reader)) {
        return false;
      }
    }
    return true;
  }

  int64_t timestamp() const { return static_cast<int64_t>(time_.value); }
  uint64_t sum_bits() const { return sum_.bits; }

  void Fill(model::Histogram* histogram) const {
    histogram->count = static_cast<double>(count_.value);
    histogram->zero_count = static_cast<double>(zero_count_.value);
    const size_t num_positive = histogram->positive_buckets.size();
    Accumulate(0, &histogram->positive_buckets);
    Accumulate(num_positive, &histogram->negative_buckets);
  }

 private:
  void Accumulate(size_t first, std::vector<double>* out) const {
    uint64_t absolute = 0;
    for (size_t i = 0; i < out->size(); ++i) {
      absolute += buckets_[first + i].value;
      (*out)[i] = static_cast<double>(static_cast<int64_t>(absolute));
    }
  }

  Second time_;
  Second count_;
  Second zero_count_;
  XorReadState sum_;
  std::vector<Second> buckets_;
};

class FloatReader {
 public:
  static constexpr unsigned kMinBitsPerBucket = 64;

  explicit FloatReader(size_t num_buckets) : buckets_(num_buckets) {}

  [[nodiscard]] bool ReadFirst(encoding::BitReader& reader) {
    if (!ReadInt(reader, &time_.value) || !reader.ReadBits(64, &count_.bits) ||
        !reader.ReadBits(64, &zero_count_.bits) || !reader.ReadBits(64, &sum_.bits)) {
      return false;
    }
    for (XorReadState& bucket : buckets_) {
      if (!reader.ReadBits(64, &bucket.bits)) {
        return false;
      }
    }
    return true;
  }

  [[nodiscard]] bool ReadNext(encoding::BitReader& reader) {
    if (!time_.Read(reader) || !ReadXor(reader, &count_) || !ReadXor(reader, &zero_count_) ||
        !ReadXor(reader, &sum_)) {
      return false;
    }
    if (sum_.bits == kStaleNanBits) {
      return true;
    }
    for (XorReadState& bucket : buckets_) {
      if (!ReadXor(reader, &bucket)) {
        return false;
      }
    }
    return true;
  }

  int64_t timestamp() const { return static_cast<int64_t>(time_.value); }
  uint64_t sum_bits() const { return sum_.bits; }

  void Fill(model::Histogram* histogram) const {
    histogram->count = std::bit_cast<double>(count_.bits);
    histogram->zero_count = std::bit_cast<double>(zero_count_.bits);
    size_t next = 0;
    for (double& bucket : histogram->positive_buckets) {
      bucket = std::bit_cast<double>(buckets_[next++].bits);
    }
    for (double& bucket : histogram->negative_buckets) {
      bucket = std::bit_cast<double>(buckets_[next++].bits);
    }
  }

 private:
  Second time_;
  XorReadState count_;
  XorReadState zero_count_;
  XorReadState sum_;
  std::vector<XorReadState> buckets_;
};

// The hint of a sample. The first sample of a counter chunk is "unknown" whatever the header says, because
// the chunk before it may be missing or belong to another replica.
model::CounterResetHint SampleHint(model::CounterResetHint chunk_hint, bool is_first) {
  if (chunk_hint == model::CounterResetHint::kGauge) {
    return chunk_hint;
  }
  return is_first ? model::CounterResetHint::kUnknown : model::CounterResetHint::kNotReset;
}

void AppendHistogram(int64_t timestamp_ms, model::Histogram histogram, SampleColumns* out) {
  out->histograms.push_back({out->timestamps.size(), std::move(histogram)});
  out->timestamps.push_back(timestamp_ms);
  out->values.push_back(0);
}

template <typename Reader>
bool DecodeSamples(encoding::BitReader reader, uint32_t count, model::Histogram layout,
                   model::CounterResetHint hint, int64_t min_ms, int64_t max_ms, SampleColumns* out) {
  if (!ReadLayout(reader, Reader::kMinBitsPerBucket, &layout)) {
    return false;
  }
  const uint64_t num_positive = model::NumBuckets(layout.positive_spans);
  const uint64_t num_negative = model::NumBuckets(layout.negative_spans);
  layout.positive_buckets.resize(num_positive);
  layout.negative_buckets.resize(num_negative);
  Reader samples(num_positive + num_negative);
  for (uint32_t i = 0; i < count; ++i) {
    if (!(i == 0 ? samples.ReadFirst(reader) : samples.ReadNext(reader))) {
      return false;
    }
    if (samples.timestamp() > max_ms) {
      return true;
    }
    if (samples.timestamp() < min_ms) {
      continue;
    }
    model::Histogram histogram;
    if (samples.sum_bits() == kStaleNanBits) {
      histogram.is_float = layout.is_float;
    } else {
      histogram = layout;
      histogram.counter_reset_hint = SampleHint(hint, i == 0);
      samples.Fill(&histogram);
      // Finer schemas are reserved; like Prometheus, such a histogram is read at the finest one in use.
      if (histogram.schema > model::kMaxExponentialSchema) [[unlikely]] {
        model::ReduceResolution(histogram, model::kMaxExponentialSchema);
      }
    }
    histogram.sum = std::bit_cast<double>(samples.sum_bits());
    AppendHistogram(samples.timestamp(), std::move(histogram), out);
  }
  return true;
}

}  // namespace

base::Status DecodeHistograms(bool is_float, std::string_view data, int64_t min_ms, int64_t max_ms,
                              SampleColumns* out) {
  if (data.size() < kHistogramHeaderBytes) {
    return base::DataLoss("histogram chunk of ", data.size(), " bytes has no header");
  }
  const uint32_t count =
      static_cast<uint32_t>(static_cast<unsigned char>(data[0])) << 8 | static_cast<unsigned char>(data[1]);
  if (count == 0) {
    return base::OkStatus();
  }
  const size_t before = out->timestamps.size();
  const size_t histograms_before = out->histograms.size();
  const encoding::BitReader reader(data.substr(kHistogramHeaderBytes));
  const model::CounterResetHint hint = HintOf(static_cast<uint8_t>(data[2]));
  model::Histogram layout;
  layout.is_float = is_float;
  const bool ok =
      is_float ? DecodeSamples<FloatReader>(reader, count, std::move(layout), hint, min_ms, max_ms, out)
               : DecodeSamples<IntegerReader>(reader, count, std::move(layout), hint, min_ms, max_ms, out);
  if (ok) {
    return base::OkStatus();
  }
  out->timestamps.resize(before);
  out->values.resize(before);
  out->histograms.resize(histograms_before);
  return base::DataLoss("histogram chunk of ", data.size(), " bytes is damaged or truncated");
}

}  // namespace thanos::chunkenc::internal
