#include "encoding/crc32c.h"

#include <gtest/gtest.h>
#include <string>

namespace thanos::encoding {
namespace {

uint32_t Slow(std::string_view data) {
  uint32_t crc = 0xffffffffU;
  for (const char c : data) {
    crc ^= static_cast<unsigned char>(c);
    for (int bit = 0; bit < 8; ++bit) {
      crc = (crc >> 1) ^ ((crc & 1) != 0 ? 0x82f63b78U : 0);
    }
  }
  return crc ^ 0xffffffffU;
}

// Vectors of RFC 3720, appendix B.4.
TEST(Crc32cTest, KnownVectors) {
  EXPECT_EQ(Crc32c(""), 0U);
  EXPECT_EQ(Crc32c("123456789"), 0xe3069283U);
  EXPECT_EQ(Crc32c(std::string(32, '\0')), 0x8a9136aaU);
  EXPECT_EQ(Crc32c(std::string(32, '\xff')), 0x62a8ab43U);
}

TEST(Crc32cTest, LongInputsEqualTheSlowForm) {
  std::string data;
  for (size_t i = 0; i < 20'000; ++i) {
    data.push_back(static_cast<char>(i * 31 + i / 251));
  }
  for (const size_t length :
       {size_t{3071}, size_t{3072}, size_t{3073}, size_t{6144}, size_t{9999}, data.size()}) {
    EXPECT_EQ(Crc32c(std::string_view(data).substr(0, length)),
              Slow(std::string_view(data).substr(0, length)));
  }
}

TEST(Crc32cTest, ExtendIsConcatenation) {
  const std::string data(10'000, 'x');
  const std::string_view view(data);
  for (const size_t cut : {0U, 1U, 7U, 4000U, 9999U}) {
    EXPECT_EQ(ExtendCrc32c(Crc32c(view.substr(0, cut)), view.substr(cut)), Crc32c(view));
  }
}

}  // namespace
}  // namespace thanos::encoding
