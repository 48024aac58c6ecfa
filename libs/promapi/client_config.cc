#include "promapi/client_config.h"

#include <algorithm>
#include <utility>

#include "config/path_or_content.h"
#include "config/yaml.h"
#include "net/url.h"

namespace thanos::promapi {
namespace {

std::string Base64(std::string_view text) {
  constexpr std::string_view kAlphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
  std::string out;
  for (size_t i = 0; i < text.size(); i += 3) {
    uint32_t group = 0;
    for (size_t j = 0; j < 3; ++j) {
      group = group << 8 | (i + j < text.size() ? static_cast<unsigned char>(text[i + j]) : 0U);
    }
    for (size_t j = 0; j < 4; ++j) {
      out.push_back(i + j > text.size() ? '=' : kAlphabet[(group >> (18 - 6 * j)) & 63]);
    }
  }
  return out;
}

base::StatusOr<std::string> Secret(const std::string& inline_text, const std::string& path) {
  if (path.empty()) {
    return inline_text;
  }
  TH_ASSIGN_OR_RETURN(const std::string text, config::ReadFile(path));
  return std::string(base::Trim(text));
}

void ReadTransport(config::YamlMap& map, net::HttpClientOptions* http) {
  int64_t max_idle = static_cast<int64_t>(http->max_idle_connections);
  int64_t max_connections = 0;
  map.Read("idle_conn_timeout", &http->idle_timeout);
  map.Read("max_idle_conns", &max_idle);
  map.Read("max_conns_per_host", &max_connections);  // there is one host
  map.Read("disable_compression", &http->disable_compression);
  map.Read("dial_timeout", &http->connect_timeout);
  if (max_idle < 0 || max_connections < 0) {
    map.Fail("max_idle_conns", "limits must not be negative");
  }
  http->max_idle_connections = static_cast<size_t>(std::max<int64_t>(max_idle, 0));
  http->max_connections = static_cast<size_t>(std::max<int64_t>(max_connections, 0));
  // The request's own deadline covers these.
  for (const std::string_view key : {"response_header_timeout", "expect_continue_timeout",
                                     "tls_handshake_timeout", "max_idle_conns_per_host"}) {
    map.Ignore(key);
  }
}

}  // namespace

base::StatusOr<std::vector<net::HttpHeader>> Authorization::Headers() const {
  std::vector<net::HttpHeader> headers;
  if (!username.empty()) {
    TH_ASSIGN_OR_RETURN(const std::string secret, Secret(password, password_file));
    headers.push_back({"Authorization", "Basic " + Base64(base::Concat(username, ":", secret))});
  } else if (!bearer_token.empty() || !bearer_token_file.empty()) {
    TH_ASSIGN_OR_RETURN(const std::string secret, Secret(bearer_token, bearer_token_file));
    headers.push_back({"Authorization", "Bearer " + secret});
  }
  return headers;
}

base::StatusOr<ClientConfig> ParseClientConfig(std::string_view yaml) {
  ClientConfig config;
  if (base::Trim(yaml).empty()) {
    return config;
  }
  TH_ASSIGN_OR_RETURN(const config::YamlNode root, config::ParseYaml(yaml));
  config::YamlMap map(root);
  map.ReadMap("basic_auth", [&](config::YamlMap& auth) {
    auth.Read("username", &config.authorization.username);
    auth.Read("password", &config.authorization.password);
    auth.Read("password_file", &config.authorization.password_file);
  });
  map.Read("bearer_token", &config.authorization.bearer_token);
  map.Read("bearer_token_file", &config.authorization.bearer_token_file);
  map.Read("proxy_url", &config.http.proxy_url);
  if (!config.http.proxy_url.empty() && !net::ParseUrl(config.http.proxy_url).ok()) {
    map.Fail("proxy_url", "is not a URL");  // not shown: it may hold a password
  }
  map.ReadMap("tls_config", [&](config::YamlMap& tls) {
    tls.Read("ca_file", &config.http.ca_file);
    tls.Read("cert_file", &config.http.cert_file);
    tls.Read("key_file", &config.http.key_file);
    tls.Read("insecure_skip_verify", &config.http.insecure_skip_verify);
    tls.Read("server_name", &config.http.tls_server_name);
  });
  map.ReadMap("transport_config",
              [&](config::YamlMap& transport) { ReadTransport(transport, &config.http); });
  TH_RETURN_IF_ERROR(map.Finish());
  if (!config.authorization.username.empty() &&
      (!config.authorization.bearer_token.empty() || !config.authorization.bearer_token_file.empty())) {
    return base::InvalidArgument(
        "at most one of basic_auth, bearer_token and bearer_token_file must be configured");
  }
  return config;
}

}  // namespace thanos::promapi
