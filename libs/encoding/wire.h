#pragma once

// Protobuf wire format without message objects: a cursor over the fields of a message and functions that
// append fields.

#include <bit>
#include <cstdint>
#include <string>
#include <string_view>

#include "base/status.h"
#include "encoding/varint.h"

namespace thanos::encoding {

enum class WireType : uint8_t { kVarint = 0, kFixed64 = 1, kBytes = 2, kFixed32 = 5 };

// One field. `integer` holds the value of varint, fixed64 and fixed32 fields, `bytes` that of
// length-delimited ones (strings, bytes, messages, packed numbers); the other member is zero or empty.
struct WireField {
  uint32_t number = 0;
  WireType type = WireType::kVarint;
  uint64_t integer = 0;
  std::string_view bytes;

  // The value as the named protobuf type.
  int64_t AsInt64() const { return static_cast<int64_t>(integer); }
  int32_t AsInt32() const { return static_cast<int32_t>(integer); }
  int64_t AsSint64() const { return ZigZagDecode(integer); }
  bool AsBool() const { return integer != 0; }
  double AsDouble() const { return std::bit_cast<double>(integer); }

  bool is(uint32_t want_number, WireType want_type) const {
    return number == want_number && type == want_type;
  }
};

// Walks the fields of one message in place; views point into the message. Groups are an error.
//   WireReader reader(message);
//   WireField field;
//   while (reader.Next(&field)) { switch (field.number) { ... } }
//   TH_RETURN_IF_ERROR(reader.status());
// A field whose type is not the expected one must be ignored or refused by the caller: check `type`.
class WireReader {
 public:
  explicit WireReader(std::string_view message) : cursor_(message) {}

  // False at the end of the message and on damage; ok() tells which.
  bool Next(WireField* field);
  bool ok() const { return ok_; }
  // OK, or DataLoss with the position of the damage.
  base::Status status() const;
  // Bytes read so far: between two calls of Next, the bounds of a raw field.
  size_t offset() const { return cursor_.offset(); }

 private:
  ByteCursor cursor_;
  bool ok_ = true;
};

// Calls `use(uint64_t)` for every element of a varint field that may be packed. False on damage.
template <typename Use>
bool ForEachVarint(const WireField& field, Use use) {
  if (field.type == WireType::kVarint) {
    use(field.integer);
    return true;
  }
  if (field.type != WireType::kBytes) {
    return false;
  }
  ByteCursor cursor(field.bytes);
  uint64_t value;
  while (!cursor.empty()) {
    if (!cursor.ReadUvarint(&value)) {
      return false;
    }
    use(value);
  }
  return true;
}

// The same for fixed64 and double fields: `use(uint64_t bits)`.
template <typename Use>
bool ForEachFixed64(const WireField& field, Use use) {
  if (field.type == WireType::kFixed64) {
    use(field.integer);
    return true;
  }
  if (field.type != WireType::kBytes || field.bytes.size() % 8 != 0) {
    return false;
  }
  for (size_t i = 0; i < field.bytes.size(); i += 8) {
    uint64_t bits;
    __builtin_memcpy(&bits, field.bytes.data() + i, sizeof(bits));
    use(bits);
  }
  return true;
}

// Writers. They always write the field, also when it has the default value that proto3 encoders leave out.
void AppendTag(std::string& out, uint32_t number, WireType type);
// uint32, uint64, bool, enum, and int32/int64 after a cast to uint64_t (negative ones take ten bytes).
void AppendVarintField(std::string& out, uint32_t number, uint64_t value);
void AppendInt64Field(std::string& out, uint32_t number, int64_t value);
void AppendSint64Field(std::string& out, uint32_t number, int64_t value);
void AppendFixed64Field(std::string& out, uint32_t number, uint64_t value);
void AppendDoubleField(std::string& out, uint32_t number, double value);
void AppendBytesField(std::string& out, uint32_t number, std::string_view bytes);
// Tag and length of a length-delimited field; the caller appends `length` bytes next.
void AppendBytesHeader(std::string& out, uint32_t number, size_t length);

// Appends a nested message whose size is not known before: `write(out)` appends its body.
size_t BeginMessageField(std::string& out, uint32_t number);
void EndMessageField(std::string& out, size_t begin);
template <typename Write>
void AppendMessageField(std::string& out, uint32_t number, Write write) {
  const size_t begin = BeginMessageField(out, number);
  write(out);
  EndMessageField(out, begin);
}

// Encoded sizes, tag included.
inline size_t TagSize(uint32_t number) {
  return UvarintSize(static_cast<uint64_t>(number) << 3);
}
inline size_t VarintFieldSize(uint32_t number, uint64_t value) {
  return TagSize(number) + UvarintSize(value);
}
inline size_t Fixed64FieldSize(uint32_t number) {
  return TagSize(number) + 8;
}
inline size_t BytesFieldSize(uint32_t number, size_t length) {
  return TagSize(number) + UvarintSize(length) + length;
}

}  // namespace thanos::encoding
