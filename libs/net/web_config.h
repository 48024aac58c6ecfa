#pragma once

// Private: the web configuration file of --http.config.

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/clock.h"
#include "base/status.h"
#include "net/http_server.h"

namespace thanos::net {

enum class ClientAuth { kNone, kRequest, kRequireAny, kVerifyIfGiven, kRequireAndVerify };

struct WebTlsConfig {
  // Each as a path (relative ones are joined to the configuration's directory) or as PEM text.
  std::string cert_file;
  std::string cert;
  std::string key_file;
  std::string key;
  std::string client_ca_file;
  std::string client_ca;
  ClientAuth client_auth = ClientAuth::kNone;
  std::vector<std::string> client_allowed_sans;
  std::string cipher_suites;  // OpenSSL's list, TLS 1.2 only; empty: the default
  std::string curves;         // OpenSSL's list; empty: the default
  int min_version = 0;        // OpenSSL's numbers
  int max_version = 0;
  bool prefer_server_cipher_suites = true;
};

struct WebConfig {
  std::optional<WebTlsConfig> tls;
  std::vector<HttpHeader> headers;                         // added to every response
  std::vector<std::pair<std::string, std::string>> users;  // name and bcrypt hash; secret
  int64_t rate_burst = 0;
  base::Duration rate_interval{};  // zero: no limit
};

// InvalidArgument with line and key; values of secrets are never part of it. An empty text is an empty
// configuration.
base::StatusOr<WebConfig> ParseWebConfig(std::string_view yaml, std::string_view directory);

}  // namespace thanos::net
