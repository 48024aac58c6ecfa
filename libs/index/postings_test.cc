#include "index/postings.h"

#include <gtest/gtest.h>
#include <iterator>
#include <random>
#include <set>
#include <string>

#include "base/bytes.h"
#include "encoding/crc32c.h"

namespace thanos::index {
namespace {

std::string EncodeList(const Postings& refs) {
  std::string body;
  base::AppendBigEndian32(body, static_cast<uint32_t>(refs.size()));
  for (const SeriesRef ref : refs) {
    base::AppendBigEndian32(body, ref);
  }
  std::string out;
  base::AppendBigEndian32(out, static_cast<uint32_t>(body.size()));
  out += body;
  base::AppendBigEndian32(out, encoding::Crc32c(body));
  return out;
}

Postings RandomList(std::mt19937& random, uint32_t range, size_t max_size) {
  std::set<SeriesRef> members;
  for (auto count = random() % (max_size + 1); count > 0; --count) {
    members.insert(static_cast<SeriesRef>(random() % range));
  }
  return {members.begin(), members.end()};
}

TEST(DecodePostingsTest, RoundTripsEveryLength) {
  for (uint32_t size = 0; size < 70; ++size) {
    Postings refs;
    for (uint32_t i = 0; i < size; ++i) {
      refs.push_back(i * 0x01020304U);
    }
    const std::string list = EncodeList(refs);
    const auto decoded = DecodePostings(list + "more", "list");
    ASSERT_TRUE(decoded.ok()) << decoded.status();
    EXPECT_EQ(*decoded, refs);
    EXPECT_EQ(PostingsBytes(list), list.size());
  }
}

TEST(DecodePostingsTest, RefusesDamage) {
  const std::string good = EncodeList({1, 2, 0xfffffff0U});
  for (size_t i = 0; i < good.size(); ++i) {
    EXPECT_FALSE(DecodePostings(std::string_view(good).substr(0, i), "list").ok());
    std::string flipped = good;
    flipped[i] ^= 0x10;
    EXPECT_EQ(DecodePostings(flipped, "list").status().code(), base::StatusCode::kDataLoss) << i;
  }
}

TEST(DecodePostingsTest, RefusesUnsortedLists) {
  for (const size_t at : {1U, 2U, 5U, 20U, 21U}) {
    Postings refs;
    for (uint32_t i = 0; i < 22; ++i) {
      refs.push_back(0x7ffffff0U + i * 7);  // crosses the sign bit
    }
    EXPECT_TRUE(DecodePostings(EncodeList(refs), "list").ok());
    refs[at] = refs[at - 1];
    EXPECT_EQ(DecodePostings(EncodeList(refs), "list").status().code(), base::StatusCode::kDataLoss) << at;
  }
}

TEST(DecodePostingsTest, RefusesCountsThatDisagree) {
  std::string body;
  base::AppendBigEndian32(body, 3);
  base::AppendBigEndian32(body, 7);
  std::string list;
  base::AppendBigEndian32(list, static_cast<uint32_t>(body.size()));
  list += body;
  base::AppendBigEndian32(list, encoding::Crc32c(body));
  EXPECT_EQ(DecodePostings(list, "list").status().code(), base::StatusCode::kDataLoss);
}

TEST(PostingsAlgebraTest, AgreesWithSets) {
  const auto seed = std::random_device{}();
  SCOPED_TRACE(seed);
  std::mt19937 random(seed);
  for (int round = 0; round < 3000; ++round) {
    const uint32_t range = round % 3 == 0 ? 50U : round % 3 == 1 ? 1000U : 4'000'000'000U;
    const Postings a = RandomList(random, range, 30);
    const Postings b = RandomList(random, range, round % 2 == 0 ? 30 : 2000);
    Postings want;
    std::ranges::set_intersection(a, b, std::back_inserter(want));
    ASSERT_EQ(Intersect(a, b), want);
    ASSERT_EQ(Intersect(b, a), want);
    want.clear();
    std::ranges::set_difference(a, b, std::back_inserter(want));
    ASSERT_EQ(Without(a, b), want);
    want.clear();
    std::ranges::set_difference(b, a, std::back_inserter(want));
    ASSERT_EQ(Without(b, a), want);

    std::vector<Postings> lists;
    std::set<SeriesRef> members;
    for (auto count = random() % 9; count > 0; --count) {
      lists.push_back(RandomList(random, range, 20));
      members.insert(lists.back().begin(), lists.back().end());
    }
    ASSERT_EQ(UnionAll(lists), Postings(members.begin(), members.end()));
    if (!lists.empty()) {
      Postings common = lists[0];
      for (const Postings& list : lists) {
        Postings next;
        std::ranges::set_intersection(common, list, std::back_inserter(next));
        common = next;
      }
      ASSERT_EQ(IntersectAll(lists), common);
    }
  }
}

TEST(PostingsAlgebraTest, EmptyInputs) {
  EXPECT_TRUE(UnionAll({}).empty());
  EXPECT_TRUE(UnionAll({{}, {}, {}}).empty());
  EXPECT_TRUE(IntersectAll({}).empty());
  EXPECT_TRUE(Intersect({}, {}).empty());
  EXPECT_EQ(Without(Postings{1, 2}, {}), (Postings{1, 2}));
  EXPECT_TRUE(Without({}, Postings{1, 2}).empty());
  EXPECT_EQ(UnionAll({{0}, {0xffffffffU}, {5}}), (Postings{0, 5, 0xffffffffU}));
}

}  // namespace
}  // namespace thanos::index
