#include "net/tls_names.h"

#include <algorithm>
#include <span>
#include <string_view>
#include <utility>

#include "base/strings.h"

namespace thanos::net {
namespace {

using Translation = std::pair<std::string_view, std::string_view>;

constexpr Translation kSuites[] = {
    {"TLS_AES_128_GCM_SHA256", ""},
    {"TLS_AES_256_GCM_SHA384", ""},
    {"TLS_CHACHA20_POLY1305_SHA256", ""},
    {"TLS_ECDHE_ECDSA_WITH_AES_128_CBC_SHA", "ECDHE-ECDSA-AES128-SHA"},
    {"TLS_ECDHE_ECDSA_WITH_AES_256_CBC_SHA", "ECDHE-ECDSA-AES256-SHA"},
    {"TLS_ECDHE_RSA_WITH_AES_128_CBC_SHA", "ECDHE-RSA-AES128-SHA"},
    {"TLS_ECDHE_RSA_WITH_AES_256_CBC_SHA", "ECDHE-RSA-AES256-SHA"},
    {"TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256", "ECDHE-ECDSA-AES128-GCM-SHA256"},
    {"TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384", "ECDHE-ECDSA-AES256-GCM-SHA384"},
    {"TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256", "ECDHE-RSA-AES128-GCM-SHA256"},
    {"TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384", "ECDHE-RSA-AES256-GCM-SHA384"},
    {"TLS_ECDHE_RSA_WITH_CHACHA20_POLY1305_SHA256", "ECDHE-RSA-CHACHA20-POLY1305"},
    {"TLS_ECDHE_RSA_WITH_CHACHA20_POLY1305", "ECDHE-RSA-CHACHA20-POLY1305"},
    {"TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305_SHA256", "ECDHE-ECDSA-CHACHA20-POLY1305"},
    {"TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305", "ECDHE-ECDSA-CHACHA20-POLY1305"}};
constexpr Translation kCurves[] = {
    {"CurveP256", "P-256"}, {"CurveP384", "P-384"}, {"CurveP521", "P-521"}, {"X25519", "X25519"}};

base::StatusOr<std::string> Translate(std::span<const Translation> table,
                                      const std::vector<std::string>& names) {
  std::vector<std::string> translated;
  for (const std::string& name : names) {
    const auto found =
        std::find_if(table.begin(), table.end(), [&](const auto& entry) { return entry.first == name; });
    if (found == table.end()) {
      return base::InvalidArgument("unknown name ", base::Quote(name));
    }
    if (!found->second.empty()) {
      translated.emplace_back(found->second);
    }
  }
  return base::Join(translated, ":");
}

}  // namespace

base::StatusOr<std::string> OpenSslSuites(const std::vector<std::string>& names) {
  return Translate(kSuites, names);
}

base::StatusOr<std::string> OpenSslCurves(const std::vector<std::string>& names) {
  return Translate(kCurves, names);
}

}  // namespace thanos::net
