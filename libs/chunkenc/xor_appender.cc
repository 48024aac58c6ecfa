// The format is drawn in xor_decoder.cc.
#include <bit>

#include "chunkenc/appender.h"
#include "chunkenc/varbit.h"
#include "encoding/varint.h"

namespace thanos::chunkenc {
namespace {

void WriteDeltaOfDelta(encoding::BitWriter& writer, int64_t value) {
  const auto payload = static_cast<uint64_t>(value);
  if (value == 0) {
    writer.WriteBits(0, 1);
  } else if (internal::FitsSigned(value, 14)) {
    writer.WriteBits(uint64_t{0b10} << 14 | (payload & 0x3fff), 16);
  } else if (internal::FitsSigned(value, 17)) {
    writer.WriteBits(uint64_t{0b110} << 17 | (payload & 0x1ffff), 20);
  } else if (internal::FitsSigned(value, 20)) {
    writer.WriteBits(uint64_t{0b1110} << 20 | (payload & 0xfffff), 24);
  } else {
    writer.WriteBits(0b1111, 4);
    writer.WriteBits(payload, 64);
  }
}

void WriteCount(int num_samples, std::string* chunk) {
  (*chunk)[0] = static_cast<char>(num_samples >> 8);
  (*chunk)[1] = static_cast<char>(num_samples);
}

}  // namespace

XorAppender::XorAppender() : writer_(&bytes_) {
  Reset();
}

void XorAppender::Reset() {
  writer_.Flush();
  bytes_.assign(2, '\0');
  num_samples_ = 0;
  timestamp_ = 0;
  delta_ = 0;
  value_ = {};
}

void XorAppender::Append(int64_t timestamp_ms, double value) {
  TH_CHECK(num_samples_ < kMaxSamplesPerChunk);
  const uint64_t delta = static_cast<uint64_t>(timestamp_ms) - static_cast<uint64_t>(timestamp_);
  if (num_samples_ == 0) {
    encoding::AppendVarint(bytes_, timestamp_ms);
    value_.bits = std::bit_cast<uint64_t>(value);
    writer_.WriteBits(value_.bits, 64);
  } else {
    if (num_samples_ == 1) {
      encoding::AppendUvarint(bytes_, delta);
    } else {
      WriteDeltaOfDelta(writer_, static_cast<int64_t>(delta - delta_));
    }
    delta_ = delta;
    internal::WriteXor(writer_, value, &value_);
  }
  timestamp_ = timestamp_ms;
  ++num_samples_;
}

size_t XorAppender::size_bytes() const {
  return bytes_.size() + internal::NumFinishBytes(writer_);
}

std::string XorAppender::Bytes() const {
  std::string chunk = bytes_;
  WriteCount(num_samples_, &chunk);
  internal::FinishChunk(writer_, &chunk);
  return chunk;
}

void XorAppender::FinishTo(std::string* out) {
  WriteCount(num_samples_, &bytes_);
  out->append(bytes_);
  internal::FinishChunk(writer_, out);
  Reset();
}

}  // namespace thanos::chunkenc
