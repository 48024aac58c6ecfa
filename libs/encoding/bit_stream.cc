#include "encoding/bit_stream.h"

namespace thanos::encoding {

void BitWriter::AppendPending(std::string* out) const {
  for (unsigned done = 0; done < used_; done += 8) {
    out->push_back(static_cast<char>(accumulator_ >> (56 - done)));
  }
}

void BitWriter::Spill(uint64_t value, unsigned num_bits) {
  const unsigned left = num_bits - (64 - used_);
  base::AppendBigEndian64(*out_, accumulator_ | (value >> left));
  accumulator_ = left == 0 ? 0 : value << (64 - left);
  used_ = left;
}

void BitWriter::Flush() {
  AppendPending(out_);
  accumulator_ = 0;
  used_ = 0;
  last_width_ = 0;
}

uint64_t BitReader::LoadTail(size_t byte) const {
  uint64_t word = 0;
  for (unsigned shift = 56; byte < num_bytes_; ++byte, shift -= 8) {
    word |= static_cast<uint64_t>(static_cast<unsigned char>(data_[byte])) << shift;
  }
  return word;
}

}  // namespace thanos::encoding
