#pragma once

// Samples to chunk bytes, identical to those of Prometheus' appenders.

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "encoding/bit_stream.h"
#include "model/histogram.h"

namespace thanos::chunkenc {

// The previous value of one XOR-compressed column of doubles.
struct XorState {
  uint64_t bits = 0;
  uint8_t leading = 0xff;  // 0xff: no window yet
  uint8_t trailing = 0;
};

// A float chunk holds at most this many samples (the header counts them in 16 bits).
inline constexpr int kMaxSamplesPerChunk = 65535;

// Builds one XOR chunk. Not thread-safe.
class XorAppender {
 public:
  XorAppender();
  XorAppender(const XorAppender&) = delete;
  XorAppender& operator=(const XorAppender&) = delete;

  // At most kMaxSamplesPerChunk times. Timestamps should grow; any int64 is encoded faithfully.
  void Append(int64_t timestamp_ms, double value);
  int num_samples() const { return num_samples_; }
  // Bytes of the finished chunk so far.
  size_t size_bytes() const;
  // The chunk, which is valid and complete; appending may go on afterwards.
  std::string Bytes() const;
  // Appends the chunk to `out` and starts an empty one.
  void FinishTo(std::string* out);

 private:
  void Reset();

  std::string bytes_;
  encoding::BitWriter writer_;
  int num_samples_ = 0;
  int64_t timestamp_ = 0;
  uint64_t delta_ = 0;
  XorState value_;
};

// What became of a histogram offered to an appender.
enum class AppendResult {
  kAppended,
  kNewChunk,  // does not fit this chunk (schema, zero threshold, gauge/counter switch, full): finish it and
              // begin another
  kNewChunkAfterReset,  // the same, because the counter restarted: begin the next chunk with
                        // CounterResetHint::kReset
};

// Builds one histogram chunk (Encoding::kHistogram) out of integer histograms. Like Prometheus' appender it
// reports a new chunk for what cannot be appended. All samples of a chunk have the same buckets: a sample
// that lacks empty ones gets them, and when a sample brings new ones, the chunk is coded again. Not
// thread-safe.
class HistogramAppender {
 public:
  HistogramAppender();
  HistogramAppender(const HistogramAppender&) = delete;
  HistogramAppender& operator=(const HistogramAppender&) = delete;

  // Counts must be whole numbers from 0 to 2^53; buckets must fit the spans. The header of the chunk comes
  // from the first sample's hint.
  AppendResult Append(int64_t timestamp_ms, const model::Histogram& histogram);
  int num_samples() const { return num_samples_; }
  size_t size_bytes() const;
  std::string Bytes() const;
  void FinishTo(std::string* out);

 private:
  void Reset();

  std::string bytes_;
  encoding::BitWriter writer_;
  int num_samples_ = 0;
  int64_t timestamp_ = 0;
  int64_t timestamp_delta_ = 0;
  model::Histogram previous_;
  XorState sum_;
  // Per counted number (count, zero count, buckets): value and last delta.
  std::vector<int64_t> last_;
  std::vector<int64_t> last_delta_;
};

// The same for float histograms (Encoding::kFloatHistogram); any values.
class FloatHistogramAppender {
 public:
  FloatHistogramAppender();
  FloatHistogramAppender(const FloatHistogramAppender&) = delete;
  FloatHistogramAppender& operator=(const FloatHistogramAppender&) = delete;

  AppendResult Append(int64_t timestamp_ms, const model::Histogram& histogram);
  int num_samples() const { return num_samples_; }
  size_t size_bytes() const;
  std::string Bytes() const;
  void FinishTo(std::string* out);

 private:
  void Reset();

  std::string bytes_;
  encoding::BitWriter writer_;
  int num_samples_ = 0;
  int64_t timestamp_ = 0;
  int64_t timestamp_delta_ = 0;
  model::Histogram previous_;
  std::vector<XorState> columns_;  // count, zero count, sum, buckets
};

}  // namespace thanos::chunkenc
