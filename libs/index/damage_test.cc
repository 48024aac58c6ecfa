// Damaged files give an error or the right answer, and never a crash.

#include <algorithm>
#include <cstdint>
#include <gtest/gtest.h>
#include <memory>
#include <random>
#include <string>
#include <string_view>

#include "index/internal/testing.h"

namespace thanos::index {
namespace {

using testing::Describe;

// A copy on the heap of exactly that size, so that a sanitizer sees every step outside.
base::SharedBytes Exactly(std::string_view bytes) {
  auto owner = std::shared_ptr<char[]>(new char[bytes.size()]);
  std::copy(bytes.begin(), bytes.end(), owner.get());
  return {{owner.get(), bytes.size()}, owner};
}

base::StatusOr<std::string> DescribeIndex(std::string_view bytes) {
  TH_ASSIGN_OR_RETURN(const auto reader, Reader::Open(Exactly(bytes)));
  return Describe(*reader);
}

base::StatusOr<std::string> DescribeHeader(std::string_view bytes) {
  TH_ASSIGN_OR_RETURN(const auto header, IndexHeader::FromBytes(Exactly(bytes)));
  return Describe(*header);
}

template <typename DescribeBytes>
void FlipAndCut(const std::string& good, DescribeBytes describe) {
  const auto seed = std::random_device{}();
  SCOPED_TRACE(seed);
  std::mt19937 random(seed);
  const auto want = describe(good);
  ASSERT_TRUE(want.ok()) << want.status();
  size_t noticed = 0;
  for (size_t i = 0; i < good.size(); ++i) {
    std::string bad = good;
    bad[i] = static_cast<char>(bad[i] ^ (1 << (random() % 8)));
    const auto got = describe(bad);
    noticed += !got.ok();
    ASSERT_TRUE(!got.ok() || *got == *want) << "byte " << i;
  }
  // What is not noticed is padding and sections that are not read.
  EXPECT_GT(noticed, good.size() / 2);
  for (size_t size = 0; size < good.size(); size += 1 + size / 200) {
    ASSERT_FALSE(describe(std::string_view(good).substr(0, size)).ok()) << "cut to " << size;
  }
}

TEST(DamageTest, IndexVersion2) {
  FlipAndCut(testing::ReadFile(testing::GoldenIndexPath()), DescribeIndex);
}

TEST(DamageTest, IndexVersion1) {
  FlipAndCut(testing::MakeIndexV1(testing::SampleSeries(60)), DescribeIndex);
}

TEST(DamageTest, IndexHeader) {
  const std::string index = testing::ReadFile(testing::GoldenIndexPath());
  FlipAndCut(*IndexHeader::BuildBytes(testing::ReadFrom(index), index.size()), DescribeHeader);
}

// Checksums stop accidents, not malice: bytes changed together with the checksum of their section.
TEST(DamageTest, WrongContentWithRightChecksumsDoesNotCrash) {
  const auto seed = std::random_device{}();
  SCOPED_TRACE(seed);
  std::mt19937 random(seed);
  const std::string good = testing::ReadFile(testing::GoldenIndexPath());
  const Toc toc = *ParseToc(std::string_view(good).substr(good.size() - kTocBytes), good.size());
  for (int round = 0; round < 4000; ++round) {
    std::string bad = good;
    const uint64_t section = round % 2 == 0 ? toc.symbols : toc.postings_offset_table;
    const uint32_t length = base::LoadBigEndian32(bad.data() + section);
    for (auto changes = 1 + random() % 4; changes > 0; --changes) {
      bad[section + 4 + random() % length] = static_cast<char>(random());
    }
    std::string crc;
    base::AppendBigEndian32(crc, encoding::Crc32c(std::string_view(bad).substr(section + 4, length)));
    bad.replace(section + 4 + length, 4, crc);
    (void)DescribeIndex(bad);
  }
}

}  // namespace
}  // namespace thanos::index
