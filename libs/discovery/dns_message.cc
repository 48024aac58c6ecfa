// Header: id, flags (response code in the low 4 bits), counts of questions, answers, ... (6 x 16 bits).
// Question: name, type, class. Record: name, type, class, TTL (32 bits), data length, data.
// SRV data: priority, weight, port, target. Names are labels with a length byte; the two top bits set mean a
// pointer to an earlier name. Integers are big-endian.
#include "discovery/dns_message.h"

#include <cstdint>
#include <string>
#include <utility>

namespace thanos::discovery {
namespace {

constexpr uint16_t kTypeSrv = 33;
constexpr size_t kHeaderBytes = 12;
constexpr size_t kMaxNameBytes = 255;
constexpr int kMaxPointers = 32;
constexpr uint16_t kCodeMask = 0xf;
constexpr uint16_t kNameError = 3;

class DnsReader {
 public:
  explicit DnsReader(std::string_view message) : message_(message) {}

  bool ok() const { return ok_; }
  size_t position() const { return position_; }
  void Skip(size_t count) {
    ok_ = ok_ && count <= message_.size() - position_;
    position_ += ok_ ? count : 0;
  }
  uint8_t Byte() {
    const size_t at = position_;
    Skip(1);
    return ok_ ? static_cast<uint8_t>(message_[at]) : uint8_t{0};
  }
  uint16_t Short() {
    const unsigned high = Byte();
    const unsigned low = Byte();
    return static_cast<uint16_t>(high << 8U | low);
  }

  // A name with dots between its labels.
  std::string Name() {
    std::string name;
    size_t end = 0;  // behind the first pointer
    for (int pointers = 0; ok_;) {
      const uint8_t length = Byte();
      if ((length & 0xc0U) == 0xc0U) {
        const size_t target = static_cast<size_t>(length & 0x3fU) << 8U | Byte();
        end = end == 0 ? position_ : end;
        ok_ = ok_ && target < message_.size() && ++pointers <= kMaxPointers;
        position_ = ok_ ? target : position_;
        continue;
      }
      if (length == 0 || !ok_) {
        break;
      }
      const size_t at = position_;
      Skip(length);
      ok_ = ok_ && (length & 0xc0U) == 0 && name.size() + length + 1 <= kMaxNameBytes;
      if (ok_) {
        base::Append(name, name.empty() ? "" : ".", message_.substr(at, length));
      }
    }
    if (end != 0) {
      position_ = end;
    }
    return name;
  }

 private:
  const std::string_view message_;
  size_t position_ = 0;
  bool ok_ = true;
};

}  // namespace

base::StatusOr<std::vector<SrvRecord>> ParseSrvAnswer(std::string_view message) {
  if (message.size() < kHeaderBytes) {
    return base::DataLoss("DNS answer of ", message.size(), " bytes");
  }
  DnsReader reader(message);
  reader.Skip(2);
  const unsigned code = reader.Short() & kCodeMask;
  if (code == kNameError) {
    return base::NotFound("no such host");
  }
  if (code != 0) {
    return base::Unavailable("DNS server answered with code ", code);
  }
  const int num_questions = reader.Short();
  const int num_answers = reader.Short();
  reader.Skip(4);
  for (int i = 0; i < num_questions && reader.ok(); ++i) {
    reader.Name();
    reader.Skip(4);
  }
  std::vector<SrvRecord> records;
  for (int i = 0; i < num_answers && reader.ok(); ++i) {
    reader.Name();
    const uint16_t type = reader.Short();
    reader.Skip(2 + 4);
    const uint16_t length = reader.Short();
    const size_t begin = reader.position();
    if (type == kTypeSrv) {
      reader.Skip(4);
      SrvRecord record;
      record.port = reader.Short();
      record.target = reader.Name();
      if (reader.ok() && reader.position() != begin + length) {
        return base::DataLoss("SRV record whose length is wrong");
      }
      records.push_back(std::move(record));
    } else {
      reader.Skip(length);
    }
  }
  if (!reader.ok()) {
    return base::DataLoss("malformed DNS answer");
  }
  return records;
}

}  // namespace thanos::discovery
