#include "encoding/varint.h"

#include <gtest/gtest.h>
#include <limits>

namespace thanos::encoding {
namespace {

TEST(VarintTest, RoundTripsAtEveryLength) {
  for (unsigned bits = 0; bits < 64; ++bits) {
    for (const uint64_t value : {uint64_t{1} << bits, (uint64_t{1} << bits) - 1, ~uint64_t{0} >> bits}) {
      std::string bytes;
      AppendUvarint(bytes, value);
      EXPECT_EQ(bytes.size(), UvarintSize(value)) << value;
      ByteCursor cursor(bytes);
      uint64_t got = 0;
      ASSERT_TRUE(cursor.ReadUvarint(&got)) << value;
      EXPECT_EQ(got, value);
      EXPECT_TRUE(cursor.empty());

      const auto number = static_cast<int64_t>(value);
      bytes.clear();
      AppendVarint(bytes, number);
      EXPECT_EQ(bytes.size(), VarintSize(number));
      ByteCursor signed_cursor(bytes);
      int64_t got_signed = 0;
      ASSERT_TRUE(signed_cursor.ReadVarint(&got_signed));
      EXPECT_EQ(got_signed, number);
    }
  }
}

TEST(VarintTest, RefusesTruncatedAndTooLong) {
  uint64_t value = 7;
  EXPECT_FALSE(ByteCursor("").ReadUvarint(&value));
  EXPECT_FALSE(ByteCursor("\x80\x80").ReadUvarint(&value));
  EXPECT_FALSE(ByteCursor("\xff\xff\xff\xff\xff\xff\xff\xff\xff\x02").ReadUvarint(&value));
  EXPECT_FALSE(ByteCursor("\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01").ReadUvarint(&value));
  EXPECT_EQ(value, 7U);
  EXPECT_TRUE(ByteCursor("\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01").ReadUvarint(&value));
  EXPECT_EQ(value, std::numeric_limits<uint64_t>::max());
}

TEST(ByteCursorTest, NeverPassesItsEnd) {
  ByteCursor cursor(
      std::string_view("\x03"
                       "abc\x05xy",
                       7));
  std::string_view bytes;
  ASSERT_TRUE(cursor.ReadUvarintBytes(&bytes));
  EXPECT_EQ(bytes, "abc");
  EXPECT_FALSE(cursor.ReadUvarintBytes(&bytes));
  EXPECT_EQ(cursor.offset(), 4U);
  uint32_t word;
  EXPECT_FALSE(cursor.ReadBe32(&word));
  uint64_t long_word;
  EXPECT_FALSE(cursor.ReadBe64(&long_word));
  EXPECT_FALSE(cursor.ReadBytes(std::numeric_limits<uint64_t>::max(), &bytes));
  EXPECT_FALSE(cursor.Skip(4));
  EXPECT_TRUE(cursor.Skip(3));
  EXPECT_TRUE(cursor.empty());
}

TEST(ByteCursorTest, ReadsBigEndian) {
  ByteCursor cursor(std::string_view("\x00\x00\x01\x02\x00\x00\x00\x00\x00\x00\x00\x05", 12));
  uint32_t word = 0;
  uint64_t long_word = 0;
  ASSERT_TRUE(cursor.ReadBe32(&word));
  ASSERT_TRUE(cursor.ReadBe64(&long_word));
  EXPECT_EQ(word, 258U);
  EXPECT_EQ(long_word, 5U);
}

}  // namespace
}  // namespace thanos::encoding
