// From endpoint, bucket and region to the address of requests.

#include "base/strings.h"
#include "net/url.h"
#include "objstore/internal/s3_config.h"

namespace thanos::objstore::internal {
namespace {

constexpr std::string_view kAmazonSuffixes[] = {".amazonaws.com", ".amazonaws.com.cn"};
constexpr std::string_view kDefaultRegion = "us-east-1";

// An address of Amazon's S3 of the public kind: "s3", "s3.<region>", "s3-<region>" or "s3.dualstack.<region>"
// before the suffix. Others (private links, FIPS, gateways) are taken as they are.
struct AmazonEndpoint {
  bool is_amazon = false;
  bool is_public = false;
  std::string region;
  std::string suffix;
};

AmazonEndpoint ParseAmazonEndpoint(std::string_view host) {
  AmazonEndpoint out;
  for (const std::string_view suffix : kAmazonSuffixes) {
    if (!host.ends_with(suffix)) {
      continue;
    }
    out.is_amazon = true;
    out.suffix = std::string(suffix);
    std::string_view rest = host.substr(0, host.size() - suffix.size());
    if (rest == "s3" || rest == "s3-external-1") {
      out.is_public = true;
    } else if (rest.starts_with("s3.") || rest.starts_with("s3-")) {
      rest.remove_prefix(3);
      if (rest.starts_with("dualstack.")) {
        rest.remove_prefix(10);
      }
      if (!rest.starts_with("fips") && rest.find('.') == std::string_view::npos) {
        out.is_public = true;
        out.region = std::string(rest);
      }
    }
  }
  return out;
}

bool UsesVirtualHost(const S3Config& config, std::string_view host, bool is_amazon) {
  if (config.lookup != S3Config::Lookup::kAuto) {
    return config.lookup == S3Config::Lookup::kVirtualHosted;
  }
  // The certificates of "*.host" do not cover names with more dots.
  if (!config.insecure && config.bucket.find('.') != std::string::npos) {
    return false;
  }
  return is_amazon || host == "storage.googleapis.com" || host.ends_with(".aliyuncs.com");
}

}  // namespace

base::StatusOr<S3Location> ResolveS3Location(const S3Config& config) {
  const std::string_view scheme = config.insecure ? "http" : "https";
  const auto url = net::ParseUrl(base::Concat(scheme, "://", config.endpoint));
  if (!url.ok() || config.endpoint.find_first_of("/?#@") != std::string::npos) {
    return base::InvalidArgument("endpoint ", base::Quote(config.endpoint),
                                 " must be host or host:port, without scheme and path");
  }
  std::string host = base::ToLower(url->host);
  const AmazonEndpoint amazon = ParseAmazonEndpoint(host);
  S3Location out;
  out.region = !config.region.empty() ? config.region : amazon.region;
  out.region_is_known = !out.region.empty();
  if (!out.region_is_known) {
    out.region = std::string(kDefaultRegion);
  }
  if (amazon.is_public && out.region_is_known) {
    host = base::Concat(config.disable_dualstack ? "s3." : "s3.dualstack.", out.region, amazon.suffix);
  }
  if (host.find(':') != std::string::npos) {
    host = base::Concat("[", host, "]");
  }
  const bool virtual_host = UsesVirtualHost(config, host, amazon.is_amazon);
  out.base_path = virtual_host ? "/" : base::Concat("/", UriEncode(config.bucket, false), "/");
  out.host = virtual_host ? base::Concat(config.bucket, ".", host) : host;
  if (!url->port.empty() && url->port != (config.insecure ? "80" : "443")) {
    base::Append(out.host, ":", url->port);
  }
  out.url = base::Concat(scheme, "://", out.host);
  return out;
}

}  // namespace thanos::objstore::internal
