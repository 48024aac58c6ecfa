#include "base/hash.h"

#include <gtest/gtest.h>
#include <string>

namespace thanos::base {
namespace {

TEST(XxHash64Test, MatchesThePublishedVectors) {
  EXPECT_EQ(XxHash64(""), 0xef46db3751d8e999U);
  EXPECT_EQ(XxHash64("a"), 0xd24ec4f1a98c6e5bU);
  EXPECT_EQ(XxHash64("abc"), 0x44bc2cf5ad770999U);
}

TEST(XxHash64Test, StreamEqualsOneShot) {
  XxHash64Stream stream;
  std::string all;
  for (int i = 0; i < 50; ++i) {
    const std::string piece(static_cast<size_t>(i), static_cast<char>('a' + i % 26));
    stream.Update(piece);
    all += piece;
  }
  EXPECT_EQ(stream.Digest(), XxHash64(all));
}

}  // namespace
}  // namespace thanos::base
