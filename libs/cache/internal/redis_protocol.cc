// Redis' protocol, version 2. A request is an array of byte strings:
//
//   *<count>\r\n ($<bytes>\r\n<data>\r\n)*
//
// A reply is such an array ($-1 for an absent element), a byte string, +<text>, -<error> or :<number>.

#include <algorithm>

#include "base/strings.h"
#include "cache/internal/protocol.h"

namespace thanos::cache::internal {
namespace {

void AppendString(std::string& out, std::string_view head, std::string_view tail = {}) {
  base::Append(out, '$', head.size() + tail.size(), "\r\n", head, tail, "\r\n");
}

void AppendCommand(std::string& out, std::initializer_list<std::string_view> words) {
  base::Append(out, '*', words.size(), "\r\n");
  for (const std::string_view word : words) {
    AppendString(out, word);
  }
}

base::Status Unexpected(std::string_view line, std::string_view command) {
  if (line.starts_with('-')) {
    return base::FailedPrecondition("redis: ", command, ": ", line.substr(1, 200));
  }
  return base::DataLoss("redis replied ", base::Quote(line.substr(0, 200)), " to ", command);
}

base::Status ReadOk(const base::CancelToken& cancel, Connection& connection, std::string_view command) {
  TH_ASSIGN_OR_RETURN(const std::string line, connection.ReadLine(cancel));
  return line == "+OK" ? base::OkStatus() : Unexpected(line, command);
}

// A byte string or nothing.
base::StatusOr<std::optional<std::string>> ReadString(const base::CancelToken& cancel, Connection& connection,
                                                      std::string_view command) {
  TH_ASSIGN_OR_RETURN(const std::string line, connection.ReadLine(cancel));
  if (line == "$-1" || line == "*-1") {
    return std::optional<std::string>();
  }
  const auto size = line.starts_with('$') ? base::ParseUint64(line.substr(1)) : std::nullopt;
  if (!size || *size > kMaxValueBytes) {
    return Unexpected(line, command);
  }
  TH_ASSIGN_OR_RETURN(std::string value, connection.ReadBytes(cancel, *size + 2));
  if (!value.ends_with("\r\n")) {
    return base::DataLoss("redis sent a string without end");
  }
  value.resize(*size);
  return std::optional<std::string>(std::move(value));
}

// Array of `count` elements expected.
base::Status ReadArrayHead(const base::CancelToken& cancel, Connection& connection, size_t count,
                           std::string_view command) {
  TH_ASSIGN_OR_RETURN(const std::string line, connection.ReadLine(cancel));
  return line == base::Concat('*', count) ? base::OkStatus() : Unexpected(line, command);
}

class RedisProtocol final : public Protocol {
 public:
  RedisProtocol(std::string username, std::string password, int64_t database)
      : username_(std::move(username)), password_(std::move(password)), database_(database) {}

  base::Status Greet(const base::CancelToken& cancel, Connection& connection) const override {
    std::string commands;
    if (!password_.empty()) {
      if (username_.empty()) {
        AppendCommand(commands, {"AUTH", password_});
      } else {
        AppendCommand(commands, {"AUTH", username_, password_});
      }
    }
    if (database_ != 0) {
      AppendCommand(commands, {"SELECT", base::Concat(database_)});
    }
    TH_RETURN_IF_ERROR(connection.Write(cancel, commands));
    if (!password_.empty()) {
      TH_RETURN_IF_ERROR(ReadOk(cancel, connection, "AUTH"));
    }
    return database_ != 0 ? ReadOk(cancel, connection, "SELECT") : base::OkStatus();
  }

  bool IsValidKey(std::string_view key) const override { return !key.empty(); }

  void AppendGet(std::span<const std::string_view> keys, std::string* out) const override {
    base::Append(*out, '*', keys.size() + 1, "\r\n");
    AppendString(*out, "MGET");
    for (const std::string_view key : keys) {
      AppendString(*out, key);
    }
  }

  base::Status ReadGet(const base::CancelToken& cancel, Connection& connection,
                       std::span<const std::string_view> keys, const Found& found) const override {
    TH_RETURN_IF_ERROR(ReadArrayHead(cancel, connection, keys.size(), "MGET"));
    for (const std::string_view key : keys) {
      TH_ASSIGN_OR_RETURN(std::optional<std::string> value, ReadString(cancel, connection, "MGET"));
      if (value) {
        found(key, *std::move(value));
      }
    }
    return base::OkStatus();
  }

  void AppendSet(const Item& item, std::string* out) const override {
    const int64_t ttl_ms =
        std::max<int64_t>(std::chrono::ceil<std::chrono::milliseconds>(item.ttl).count(), 1);
    *out += "*5\r\n";
    AppendString(*out, "SET");
    AppendString(*out, item.key);
    AppendString(*out, item.head, item.value);
    AppendString(*out, "PX");
    AppendString(*out, base::Concat(ttl_ms));
  }

  base::Status ReadSet(const base::CancelToken& cancel, Connection& connection) const override {
    return ReadOk(cancel, connection, "SET");
  }

 private:
  const std::string username_;
  const std::string password_;
  const int64_t database_;
};

}  // namespace

std::unique_ptr<Protocol> MakeRedisProtocol(const RemoteConfig& config) {
  return std::make_unique<RedisProtocol>(config.username, config.password, config.database);
}

base::StatusOr<std::string> AskSentinel(const base::CancelToken& cancel, Connection& sentinel,
                                        std::string_view name) {
  std::string command;
  AppendCommand(command, {"SENTINEL", "get-master-addr-by-name", name});
  TH_RETURN_IF_ERROR(sentinel.Write(cancel, command));
  TH_RETURN_IF_ERROR(ReadArrayHead(cancel, sentinel, 2, "SENTINEL"));
  TH_ASSIGN_OR_RETURN(const std::optional<std::string> host, ReadString(cancel, sentinel, "SENTINEL"));
  TH_ASSIGN_OR_RETURN(const std::optional<std::string> port, ReadString(cancel, sentinel, "SENTINEL"));
  if (!host || !port) {
    return base::DataLoss("sentinel gave no address of ", name);
  }
  return host->find(':') == std::string::npos ? base::Concat(*host, ":", *port)
                                              : base::Concat("[", *host, "]:", *port);
}

}  // namespace thanos::cache::internal
