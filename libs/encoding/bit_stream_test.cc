#include "encoding/bit_stream.h"

#include <gtest/gtest.h>
#include <random>
#include <utility>
#include <vector>

namespace thanos::encoding {
namespace {

TEST(BitStreamTest, FillsBytesFromTheTop) {
  std::string bytes;
  BitWriter writer(&bytes);
  writer.WriteBit(true);
  writer.WriteBits(0b01, 2);
  writer.WriteBits(0xffff, 6);
  writer.Flush();
  EXPECT_EQ(bytes, std::string("\xbf\x80", 2));
}

TEST(BitStreamTest, RandomFieldsRoundTrip) {
  const uint64_t seed = std::random_device{}();
  SCOPED_TRACE(testing::Message() << "seed " << seed);
  std::mt19937_64 random(seed);
  for (int round = 0; round < 200; ++round) {
    std::vector<std::pair<uint64_t, unsigned>> fields;
    std::string bytes;
    BitWriter writer(&bytes);
    for (size_t i = 0; i < random() % 60; ++i) {
      const auto num_bits = static_cast<unsigned>(random() % 65);
      fields.emplace_back(random(), num_bits);
      writer.WriteBits(fields.back().first, num_bits);
    }
    writer.Flush();
    BitReader reader(bytes);
    for (const auto& [value, num_bits] : fields) {
      uint64_t got = 0;
      ASSERT_TRUE(reader.ReadBits(num_bits, &got));
      EXPECT_EQ(got, num_bits == 0 ? 0 : value & (~uint64_t{0} >> (64 - num_bits)));
    }
    EXPECT_LT(reader.remaining_bits(), 8U);
  }
}

TEST(BitStreamTest, PrefixedIsTwoWrites) {
  for (unsigned num_bits = 1; num_bits <= 64; ++num_bits) {
    std::string want;
    std::string got;
    BitWriter want_writer(&want);
    BitWriter got_writer(&got);
    for (int i = 0; i < 9; ++i) {
      want_writer.WriteBits(0x155, 13);
      want_writer.WriteBits(0xdeadbeefcafef00d, num_bits);
      got_writer.WritePrefixed(0x155, 13, 0xdeadbeefcafef00d, num_bits);
      EXPECT_EQ(got_writer.last_width(), num_bits);
    }
    want_writer.Flush();
    got_writer.Flush();
    EXPECT_EQ(got, want);
  }
}

TEST(BitStreamTest, ReaderStopsAtTheEnd) {
  BitReader reader("ab");
  uint64_t value = 0;
  EXPECT_FALSE(reader.ReadBits(17, &value));
  EXPECT_TRUE(reader.ReadBits(16, &value));
  EXPECT_FALSE(reader.ReadBits(1, &value));
  EXPECT_FALSE(reader.Skip(1));
  EXPECT_EQ(reader.Peek(), 0U);
  EXPECT_TRUE(reader.ReadBits(0, &value));
}

}  // namespace
}  // namespace thanos::encoding
