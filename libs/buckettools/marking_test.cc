#include "buckettools/marking.h"

#include <gtest/gtest.h>

#include "block/markers.h"
#include "block/meta.h"
#include "objstore/fake.h"

namespace thanos::buckettools {
namespace {

class MarkingTest : public ::testing::Test {
 protected:
  MarkingTest() { EXPECT_TRUE(bucket_.Upload({}, block::MetaPath(ulid_), "{}").ok()); }
  base::Status Mark(std::string_view marker, const model::Ulid& ulid, std::string_view details = "why") {
    return MarkBlock({}, bucket_, clock_, marker, ulid, details);
  }

  objstore::MemoryBucket bucket_;
  base::FakeClock clock_{5'000};
  const model::Ulid ulid_ = model::Ulid::FromParts(1, 2, 3);
};

TEST_F(MarkingTest, WritesEachKindOnce) {
  EXPECT_TRUE(Mark(block::kDeletionMarkFileName, ulid_).ok());
  EXPECT_TRUE(Mark(block::kNoCompactMarkFileName, ulid_).ok());
  EXPECT_TRUE(Mark(block::kNoDownsampleMarkFileName, ulid_).ok());
  clock_.Advance(60'000);
  EXPECT_TRUE(Mark(block::kDeletionMarkFileName, ulid_, "other").ok());
  EXPECT_EQ(**block::ReadDeletionMark({}, bucket_, ulid_), (block::DeletionMark{ulid_, "why", 5}));
  EXPECT_EQ(**block::ReadNoCompactMark({}, bucket_, ulid_),
            (block::NoCompactMark{ulid_, "why", 5, "manual"}));
  EXPECT_EQ(**block::ReadNoDownsampleMark({}, bucket_, ulid_),
            (block::NoDownsampleMark{ulid_, "why", 5, "manual"}));
}

TEST_F(MarkingTest, RefusesWhatCannotBeMeant) {
  EXPECT_EQ(Mark("other.json", ulid_).code(), base::StatusCode::kInvalidArgument);
  EXPECT_EQ(Mark(block::kDeletionMarkFileName, ulid_, "").code(), base::StatusCode::kInvalidArgument);
  EXPECT_EQ(Mark(block::kDeletionMarkFileName, model::Ulid::FromParts(9, 9, 9)).code(),
            base::StatusCode::kNotFound);
}

TEST_F(MarkingTest, RemovesMarks) {
  EXPECT_TRUE(UnmarkBlock({}, bucket_, block::kDeletionMarkFileName, ulid_).ok());
  ASSERT_TRUE(Mark(block::kDeletionMarkFileName, ulid_).ok());
  EXPECT_TRUE(UnmarkBlock({}, bucket_, block::kDeletionMarkFileName, ulid_).ok());
  EXPECT_FALSE(block::ReadDeletionMark({}, bucket_, ulid_)->has_value());
}

}  // namespace
}  // namespace thanos::buckettools
