#include "base/bytes.h"

#include <gtest/gtest.h>
#include <utility>

namespace thanos::base {
namespace {

TEST(ArenaTest, KeepsCopiesAcrossSlabsAndMoves) {
  Arena arena(64);
  std::vector<std::string_view> copies;
  for (int i = 0; i < 1000; ++i) {
    copies.push_back(arena.Copy(std::string(static_cast<size_t>(i % 97), static_cast<char>('a' + i % 26))));
  }
  const Arena moved = std::move(arena);
  for (int i = 0; i < 1000; ++i) {
    EXPECT_EQ(copies[static_cast<size_t>(i)],
              std::string(static_cast<size_t>(i % 97), static_cast<char>('a' + i % 26)));
  }
}

TEST(ArenaTest, AlignsArrays) {
  Arena arena(64);
  for (int i = 0; i < 100; ++i) {
    arena.Copy("x");
    EXPECT_EQ(reinterpret_cast<uintptr_t>(arena.AllocateArray<double>(3)) % alignof(double), 0U);
  }
}

TEST(BytesTest, BigEndianRoundTrip) {
  std::string out;
  AppendBigEndian32(out, 0xBAAAD700);
  AppendBigEndian64(out, 0x0102030405060708);
  EXPECT_EQ(out.substr(0, 4), std::string("\xBA\xAA\xD7\x00", 4));
  EXPECT_EQ(LoadBigEndian32(out.data()), 0xBAAAD700U);
  EXPECT_EQ(LoadBigEndian64(out.data() + 4), 0x0102030405060708U);
}

}  // namespace
}  // namespace thanos::base
