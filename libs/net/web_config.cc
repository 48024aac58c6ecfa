#include "net/web_config.h"

#include <algorithm>
#include <array>
#include <openssl/ssl.h>
#include <span>
#include <tuple>

#include "base/strings.h"
#include "config/yaml.h"
#include "net/password_check.h"
#include "net/tls_names.h"
#include "telemetry/log.h"

namespace thanos::net {
namespace {

constexpr int kCostWorthAWarning = 14;

struct Name {
  std::string_view text;
  int value;
};
constexpr Name kVersions[] = {
    {"TLS10", TLS1_VERSION}, {"TLS11", TLS1_1_VERSION}, {"TLS12", TLS1_2_VERSION}, {"TLS13", TLS1_3_VERSION}};
constexpr Name kClientAuthTypes[] = {
    {"", static_cast<int>(ClientAuth::kNone)},
    {"NoClientCert", static_cast<int>(ClientAuth::kNone)},
    {"RequestClientCert", static_cast<int>(ClientAuth::kRequest)},
    {"RequireClientCert", static_cast<int>(ClientAuth::kRequireAny)},
    {"RequireAnyClientCert", static_cast<int>(ClientAuth::kRequireAny)},
    {"VerifyClientCertIfGiven", static_cast<int>(ClientAuth::kVerifyIfGiven)},
    {"RequireAndVerifyClientCert", static_cast<int>(ClientAuth::kRequireAndVerify)}};

void ReadName(config::YamlMap& map, std::string_view key, std::span<const Name> names, int* target) {
  std::string text;
  map.Read(key, &text);
  if (!map.Has(key)) {
    return;
  }
  const auto found = std::find_if(names.begin(), names.end(), [&](const Name& n) { return n.text == text; });
  if (found == names.end()) {
    map.Fail(key, base::Concat("unknown value ", base::Quote(text)));
    return;
  }
  *target = found->value;
}

void ReadPath(config::YamlMap& map, std::string_view key, std::string_view directory, std::string* target) {
  map.Read(key, target);
  if (!target->empty() && !target->starts_with('/') && !directory.empty()) {
    *target = base::Concat(directory, "/", *target);
  }
}

// Reads a list of names and translates it; empty when the key is absent.
template <typename Result>
Result ReadTranslated(config::YamlMap& map, std::string_view key,
                      base::StatusOr<Result> (*translate)(const std::vector<std::string>&)) {
  std::vector<std::string> names;
  map.Read(key, &names);
  auto translated = translate(names);
  if (!translated.ok()) {
    map.Fail(key, base::Message(translated.status()));
    return {};
  }
  return *std::move(translated);
}

void CheckTls(config::YamlMap& map, const WebTlsConfig& tls) {
  for (const auto& [key, path, text] : {std::tuple{"cert", &tls.cert_file, &tls.cert},
                                        {"key", &tls.key_file, &tls.key},
                                        {"client_ca", &tls.client_ca_file, &tls.client_ca}}) {
    if (!path->empty() && !text->empty()) {
      map.Fail(key, "given both as a file and as text");
    }
  }
  if (tls.cert_file.empty() && tls.cert.empty()) {
    map.Fail("cert_file", "a certificate is needed");
  }
  if (tls.key_file.empty() && tls.key.empty()) {
    map.Fail("key_file", "a key is needed");
  }
  const bool restricts =
      !tls.client_ca_file.empty() || !tls.client_ca.empty() || !tls.client_allowed_sans.empty();
  if (restricts && tls.client_auth == ClientAuth::kNone) {
    map.Fail("client_auth_type", "client certificates are restricted but not asked for");
  }
  if (tls.min_version > tls.max_version) {
    map.Fail("max_version", "is below min_version");
  }
}

void ReadTls(config::YamlMap& map, std::string_view directory, WebTlsConfig* tls) {
  ReadPath(map, "cert_file", directory, &tls->cert_file);
  ReadPath(map, "key_file", directory, &tls->key_file);
  ReadPath(map, "client_ca_file", directory, &tls->client_ca_file);
  map.Read("cert", &tls->cert);
  map.Read("key", &tls->key);
  map.Read("client_ca", &tls->client_ca);
  int client_auth = static_cast<int>(ClientAuth::kNone);
  ReadName(map, "client_auth_type", kClientAuthTypes, &client_auth);
  tls->client_auth = static_cast<ClientAuth>(client_auth);
  map.Read("client_allowed_sans", &tls->client_allowed_sans);
  tls->min_version = TLS1_2_VERSION;
  tls->max_version = TLS1_3_VERSION;
  ReadName(map, "min_version", kVersions, &tls->min_version);
  ReadName(map, "max_version", kVersions, &tls->max_version);
  tls->cipher_suites = ReadTranslated(map, "cipher_suites", &OpenSslSuites);
  tls->curves = ReadTranslated(map, "curve_preferences", &OpenSslCurves);
  map.Read("prefer_server_cipher_suites", &tls->prefer_server_cipher_suites);
  CheckTls(map, *tls);
}

// Only these may be set, and some only to known values.
struct AllowedHeader {
  std::string_view name;
  std::array<std::string_view, 2> values;
};
constexpr AllowedHeader kHeaders[] = {{"Strict-Transport-Security", {}},
                                      {"X-Content-Type-Options", {"nosniff", ""}},
                                      {"X-Frame-Options", {"deny", "sameorigin"}},
                                      {"X-XSS-Protection", {}},
                                      {"Content-Security-Policy", {}}};

void ReadHeaders(config::YamlMap& map, std::vector<HttpHeader>* out) {
  std::vector<std::pair<std::string, std::string>> headers;
  map.Read("headers", &headers);
  for (auto& [name, value] : headers) {
    const auto allowed = std::find_if(std::begin(kHeaders), std::end(kHeaders),
                                      [&, &n = name](const AllowedHeader& h) { return h.name == n; });
    if (allowed == std::end(kHeaders)) {
      map.Fail("headers", base::Concat("header ", base::Quote(name), " can not be configured"));
      return;
    }
    const auto& values = allowed->values;
    if (!values[0].empty() && !value.empty() &&
        std::none_of(values.begin(), values.end(),
                     [&, &v = value](std::string_view known) { return base::EqualsIgnoreCase(known, v); })) {
      map.Fail("headers", base::Concat("invalid value of header ", base::Quote(name)));
      return;
    }
    if (!value.empty()) {
      out->push_back({std::move(name), std::move(value)});
    }
  }
}

// Walks the nodes itself, so that no error text can hold what stands in place of a hash.
void ReadUsers(config::YamlMap& map, WebConfig* web) {
  const config::YamlNode* node = map.Node("basic_auth_users");
  if (node == nullptr || node->kind == config::YamlNode::Kind::kNull) {
    return;
  }
  if (node->kind != config::YamlNode::Kind::kMap) {
    map.Fail("basic_auth_users", "expected a map of user names to bcrypt hashes");
    return;
  }
  for (const auto& [user, value] : node->entries) {
    const auto cost = BcryptCost(value.scalar);
    if (value.kind != config::YamlNode::Kind::kScalar || !cost.has_value()) {
      map.Fail("basic_auth_users", base::Concat("user ", base::Quote(user), ": not a bcrypt hash"));
      return;
    }
    if (*cost > kCostWorthAWarning) {
      TH_LOG(kWarn, "bcrypt cost makes each new login slow").With("user", user).With("cost", *cost);
    }
    web->users.emplace_back(user, value.scalar);
  }
}

}  // namespace

base::StatusOr<WebConfig> ParseWebConfig(std::string_view yaml, std::string_view directory) {
  TH_ASSIGN_OR_RETURN(const config::YamlNode root, config::ParseYaml(yaml));
  if (root.kind != config::YamlNode::Kind::kMap && root.kind != config::YamlNode::Kind::kNull) {
    return base::InvalidArgument("expected a map");
  }
  WebConfig web;
  config::YamlMap map(root);
  map.ReadMap("tls_server_config",
              [&](config::YamlMap& tls) { ReadTls(tls, directory, &web.tls.emplace()); });
  map.ReadMap("http_server_config", [&](config::YamlMap& http) {
    bool http2 = true;  // not offered to clients either way
    http.Read("http2", &http2);
    ReadHeaders(http, &web.headers);
  });
  ReadUsers(map, &web);
  map.ReadMap("rate_limit", [&](config::YamlMap& rate) {
    rate.Read("burst", &web.rate_burst);
    rate.Read("interval", &web.rate_interval);
    if (web.rate_interval < base::Duration::zero() || web.rate_burst < 0) {
      rate.Fail("interval", "negative rate limit");
    }
  });
  TH_RETURN_IF_ERROR(map.Finish());
  return web;
}

}  // namespace thanos::net
