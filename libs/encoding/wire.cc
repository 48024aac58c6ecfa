#include "encoding/wire.h"

namespace thanos::encoding {
namespace {

constexpr uint32_t kMaxFieldNumber = (1U << 29) - 1;

// Field values are little-endian, as the machine is.
template <typename T>
bool ReadFixed(ByteCursor& cursor, uint64_t* value) {
  std::string_view bytes;
  if (!cursor.ReadBytes(sizeof(T), &bytes)) {
    return false;
  }
  T raw;
  __builtin_memcpy(&raw, bytes.data(), sizeof(raw));
  *value = raw;
  return true;
}

}  // namespace

bool WireReader::Next(WireField* field) {
  if (!ok_ || cursor_.empty()) {
    return false;
  }
  ok_ = false;
  uint64_t tag;
  if (!cursor_.ReadUvarint(&tag)) {
    return false;
  }
  const uint64_t number = tag >> 3;
  if (number == 0 || number > kMaxFieldNumber) {
    return false;
  }
  field->number = static_cast<uint32_t>(number);
  field->type = static_cast<WireType>(tag & 7);
  field->integer = 0;
  field->bytes = {};
  switch (field->type) {
    case WireType::kVarint:
      ok_ = cursor_.ReadUvarint(&field->integer);
      break;
    case WireType::kFixed64:
      ok_ = ReadFixed<uint64_t>(cursor_, &field->integer);
      break;
    case WireType::kBytes:
      ok_ = cursor_.ReadUvarintBytes(&field->bytes);
      break;
    case WireType::kFixed32:
      ok_ = ReadFixed<uint32_t>(cursor_, &field->integer);
      break;
  }
  return ok_;
}

base::Status WireReader::status() const {
  if (ok_) {
    return base::OkStatus();
  }
  return base::DataLoss("malformed protobuf message near byte ", cursor_.offset());
}

void AppendTag(std::string& out, uint32_t number, WireType type) {
  AppendUvarint(out, static_cast<uint64_t>(number) << 3 | static_cast<uint64_t>(type));
}

void AppendVarintField(std::string& out, uint32_t number, uint64_t value) {
  AppendTag(out, number, WireType::kVarint);
  AppendUvarint(out, value);
}

void AppendInt64Field(std::string& out, uint32_t number, int64_t value) {
  AppendVarintField(out, number, static_cast<uint64_t>(value));
}

void AppendSint64Field(std::string& out, uint32_t number, int64_t value) {
  AppendVarintField(out, number, ZigZagEncode(value));
}

void AppendFixed64Field(std::string& out, uint32_t number, uint64_t value) {
  AppendTag(out, number, WireType::kFixed64);
  char bytes[sizeof(value)];
  __builtin_memcpy(bytes, &value, sizeof(value));
  out.append(bytes, sizeof(bytes));
}

void AppendDoubleField(std::string& out, uint32_t number, double value) {
  AppendFixed64Field(out, number, std::bit_cast<uint64_t>(value));
}

void AppendBytesHeader(std::string& out, uint32_t number, size_t length) {
  AppendTag(out, number, WireType::kBytes);
  AppendUvarint(out, length);
}

void AppendBytesField(std::string& out, uint32_t number, std::string_view bytes) {
  AppendBytesHeader(out, number, bytes.size());
  out.append(bytes);
}

// The body starts behind one byte for the length, the usual case; longer lengths move the body.
size_t BeginMessageField(std::string& out, uint32_t number) {
  AppendTag(out, number, WireType::kBytes);
  out.push_back('\0');
  return out.size();
}

void EndMessageField(std::string& out, size_t begin) {
  const size_t length = out.size() - begin;
  char buffer[kMaxVarintBytes];
  const auto length_size = static_cast<size_t>(WriteUvarint(buffer, length) - buffer);
  out.replace(begin - 1, 1, buffer, length_size);
}

}  // namespace thanos::encoding
