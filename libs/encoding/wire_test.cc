#include "encoding/wire.h"

#include <gtest/gtest.h>
#include <vector>

namespace thanos::encoding {
namespace {

TEST(WireTest, FieldsRoundTrip) {
  std::string message;
  AppendVarintField(message, 1, 150);
  AppendBytesField(message, 2, "testing");
  AppendInt64Field(message, 3, -1);
  AppendSint64Field(message, 4, -2);
  AppendDoubleField(message, 16, 1.5);
  EXPECT_EQ(message.substr(0, 12), std::string_view("\x08\x96\x01\x12\x07testing"));
  EXPECT_EQ(message.size(), VarintFieldSize(1, 150) + BytesFieldSize(2, 7) +
                                VarintFieldSize(3, ~uint64_t{0}) + VarintFieldSize(4, 3) +
                                Fixed64FieldSize(16));
  WireReader reader(message);
  WireField field;
  ASSERT_TRUE(reader.Next(&field));
  EXPECT_TRUE(field.is(1, WireType::kVarint));
  EXPECT_EQ(field.integer, 150U);
  ASSERT_TRUE(reader.Next(&field));
  EXPECT_TRUE(field.is(2, WireType::kBytes));
  EXPECT_EQ(field.bytes, "testing");
  ASSERT_TRUE(reader.Next(&field));
  EXPECT_EQ(field.AsInt64(), -1);
  ASSERT_TRUE(reader.Next(&field));
  EXPECT_EQ(field.AsSint64(), -2);
  ASSERT_TRUE(reader.Next(&field));
  EXPECT_EQ(field.number, 16U);
  EXPECT_EQ(field.AsDouble(), 1.5);
  EXPECT_FALSE(reader.Next(&field));
  EXPECT_TRUE(reader.status().ok());
}

TEST(WireTest, NestedMessagesOfAnyLength) {
  for (const size_t length : {0U, 1U, 127U, 128U, 20'000U}) {
    std::string message = "";
    AppendMessageField(message, 5, [&](std::string& out) { out.append(length, 'x'); });
    std::string want;
    AppendBytesField(want, 5, std::string(length, 'x'));
    EXPECT_EQ(message, want);
  }
}

TEST(WireTest, DamageIsAnError) {
  // Truncated value, length past the end, group, field number 0.
  const std::string_view damaged[] = {std::string_view("\x08", 1),    std::string_view("\x12\x05xx", 4),
                                      std::string_view("\x0b", 1),    std::string_view("\x00\x01", 2),
                                      std::string_view("\x09zzz", 4), std::string_view("\x80", 1)};
  for (const std::string_view message : damaged) {
    WireReader reader(message);
    WireField field;
    EXPECT_FALSE(reader.Next(&field));
    EXPECT_FALSE(reader.ok());
    EXPECT_EQ(reader.status().code(), base::StatusCode::kDataLoss);
    EXPECT_FALSE(reader.Next(&field));
  }
}

TEST(WireTest, PackedAndPlainNumbersReadAlike) {
  std::string message;
  AppendBytesField(message, 1, std::string_view("\x01\x96\x01", 3));
  AppendVarintField(message, 1, 3);
  std::vector<uint64_t> got;
  WireReader reader(message);
  for (WireField field; reader.Next(&field);) {
    EXPECT_TRUE(ForEachVarint(field, [&](uint64_t value) { got.push_back(value); }));
  }
  EXPECT_EQ(got, (std::vector<uint64_t>{1, 150, 3}));
}

}  // namespace
}  // namespace thanos::encoding
