// Memcached's text protocol.
//
//   get <key> <key>...\r\n                   ->  (VALUE <key> <flags> <bytes>\r\n<data>\r\n)* END\r\n
//   set <key> 0 <ttl> <bytes>\r\n<data>\r\n  ->  STORED\r\n or an error line

#include <algorithm>

#include "base/strings.h"
#include "cache/internal/protocol.h"

namespace thanos::cache::internal {
namespace {

constexpr size_t kMaxKeyBytes = 250;
// Longer times to live count as absolute.
constexpr int64_t kMaxRelativeTtlSeconds = int64_t{30} * 24 * 3600;

class MemcachedProtocol final : public Protocol {
 public:
  explicit MemcachedProtocol(const base::Clock& clock) : clock_(clock) {}

  base::Status Greet(const base::CancelToken&, Connection&) const override { return base::OkStatus(); }

  bool IsValidKey(std::string_view key) const override {
    return !key.empty() && key.size() <= kMaxKeyBytes &&
           std::all_of(key.begin(), key.end(), [](char c) { return c > ' ' && c != 0x7f; });
  }

  void AppendGet(std::span<const std::string_view> keys, std::string* out) const override {
    *out += "get";
    for (const std::string_view key : keys) {
      base::Append(*out, ' ', key);
    }
    *out += "\r\n";
  }

  base::Status ReadGet(const base::CancelToken& cancel, Connection& connection,
                       std::span<const std::string_view> keys, const Found& found) const override {
    size_t next = 0;
    while (true) {
      TH_ASSIGN_OR_RETURN(const std::string line, connection.ReadLine(cancel));
      if (line == "END") {
        return base::OkStatus();
      }
      const auto words = base::Split(line, ' ');
      const auto size = words.size() >= 4 ? base::ParseUint64(words[3]) : std::nullopt;
      if (words[0] != "VALUE" || !size || *size > kMaxValueBytes) {
        return base::DataLoss("memcached replied ", base::Quote(line.substr(0, 200)), " to get");
      }
      // Values come in the order of the keys.
      while (next < keys.size() && keys[next] != words[1]) {
        ++next;
      }
      if (next == keys.size()) {
        return base::DataLoss("memcached sent a value of ", base::Quote(words[1]),
                              ", which nobody asked for");
      }
      TH_ASSIGN_OR_RETURN(std::string value, connection.ReadBytes(cancel, *size + 2));
      if (!value.ends_with("\r\n")) {
        return base::DataLoss("memcached sent a value without end");
      }
      value.resize(*size);
      found(keys[next++], std::move(value));
    }
  }

  void AppendSet(const Item& item, std::string* out) const override {
    int64_t ttl_s = std::max<int64_t>(std::chrono::ceil<std::chrono::seconds>(item.ttl).count(), 1);
    if (ttl_s > kMaxRelativeTtlSeconds) {
      ttl_s += clock_.NowMs() / 1000;
    }
    base::Append(*out, "set ", item.key, " 0 ", ttl_s, ' ', item.head.size() + item.value.size(), "\r\n",
                 item.head, item.value, "\r\n");
  }

  base::Status ReadSet(const base::CancelToken& cancel, Connection& connection) const override {
    TH_ASSIGN_OR_RETURN(const std::string line, connection.ReadLine(cancel));
    if (line == "STORED") {
      return base::OkStatus();
    }
    if (line == "NOT_STORED" || line.starts_with("SERVER_ERROR")) {
      return base::FailedPrecondition("memcached: ", line.substr(0, 200));
    }
    return base::DataLoss("memcached replied ", base::Quote(line.substr(0, 200)), " to set");
  }

 private:
  const base::Clock& clock_;
};

}  // namespace

std::unique_ptr<Protocol> MakeMemcachedProtocol(const base::Clock& clock) {
  return std::make_unique<MemcachedProtocol>(clock);
}

}  // namespace thanos::cache::internal
