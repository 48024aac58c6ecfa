#include "encoding/compress.h"

#include <gtest/gtest.h>

namespace thanos::encoding {
namespace {

const std::string& Text() {
  static const std::string text = [] {
    std::string out;
    for (int i = 0; i < 20'000; ++i) {
      out += base::Concat("series_", i % 37, "=", i, ";");
    }
    return out;
  }();
  return text;
}

TEST(CompressTest, SnappyRoundTripsUpToTheLimit) {
  std::string packed;
  SnappyCompress(Text(), &packed);
  EXPECT_LT(packed.size(), Text().size());
  std::string unpacked;
  ASSERT_TRUE(SnappyUncompress(packed, Text().size(), &unpacked).ok());
  EXPECT_EQ(unpacked, Text());
  EXPECT_EQ(SnappyUncompress(packed, Text().size() - 1, &unpacked).code(),
            base::StatusCode::kResourceExhausted);
}

TEST(CompressTest, SnappyDamageIsDataLoss) {
  std::string packed;
  SnappyCompress(Text(), &packed);
  std::string unpacked;
  EXPECT_EQ(SnappyUncompress("", 100, &unpacked).code(), base::StatusCode::kDataLoss);
  EXPECT_EQ(SnappyUncompress(packed.substr(0, packed.size() / 2), 1 << 20, &unpacked).code(),
            base::StatusCode::kDataLoss);
  // A header that claims a gigabyte.
  EXPECT_EQ(
      SnappyUncompress(std::string_view("\x80\x80\x80\x80\x04zz", 7), size_t{1} << 32, &unpacked).code(),
      base::StatusCode::kDataLoss);
}

TEST(CompressTest, ZstdRoundTripsUpToTheLimit) {
  std::string packed;
  ASSERT_TRUE(ZstdCompress(Text(), 1, &packed).ok());
  std::string unpacked;
  ASSERT_TRUE(ZstdUncompress(packed, Text().size(), &unpacked).ok());
  EXPECT_EQ(unpacked, Text());
  EXPECT_EQ(ZstdUncompress(packed, Text().size() - 1, &unpacked).code(),
            base::StatusCode::kResourceExhausted);
  EXPECT_EQ(ZstdUncompress(packed.substr(0, packed.size() / 2), 1 << 20, &unpacked).code(),
            base::StatusCode::kDataLoss);
  EXPECT_EQ(ZstdUncompress("plain", 1 << 20, &unpacked).code(), base::StatusCode::kDataLoss);
}

}  // namespace
}  // namespace thanos::encoding
