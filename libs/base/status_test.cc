#include "base/status.h"

#include <gtest/gtest.h>

namespace thanos::base {
namespace {

StatusOr<int> Half(int value) {
  if (value % 2 != 0) {
    return InvalidArgument("half of ", value, ": odd");
  }
  return value / 2;
}

Status Use(int value, int* out) {
  TH_ASSIGN_OR_RETURN(*out, Half(value));
  return OkStatus();
}

TEST(StatusTest, ConcatenatesPartsIntoTheMessage) {
  const Status status = DataLoss("block ", std::string("01H"), ": offset ", 12, ' ', 0.5, ' ', true);
  EXPECT_EQ(Message(status), "block 01H: offset 12 0.5 true");
  EXPECT_EQ(status.code(), StatusCode::kDataLoss);
}

TEST(StatusTest, AssignOrReturnPassesValueAndError) {
  int out = 0;
  EXPECT_TRUE(Use(4, &out).ok());
  EXPECT_EQ(out, 2);
  EXPECT_EQ(Message(Use(3, &out)), "half of 3: odd");
}

TEST(StatusTest, AnnotateKeepsTheCodeAndOk) {
  EXPECT_TRUE(Annotate(OkStatus(), "x").ok());
  const Status status = Annotate(NotFound("gone"), "read ", "meta.json");
  EXPECT_EQ(status.code(), StatusCode::kNotFound);
  EXPECT_EQ(Message(status), "read meta.json: gone");
}

TEST(StatusTest, ErrnoMapsToCodes) {
  EXPECT_EQ(ErrnoStatus(ENOENT, "open x").code(), StatusCode::kNotFound);
  EXPECT_EQ(ErrnoStatus(ENOSPC, "write x").code(), StatusCode::kResourceExhausted);
  EXPECT_EQ(Message(ErrnoStatus(EIO, "read x")), "read x: Input/output error");
}

}  // namespace
}  // namespace thanos::base
