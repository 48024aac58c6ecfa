#include "objstore/internal/s3_roles.h"

#include <algorithm>

#include "base/strings.h"
#include "config/path_or_content.h"
#include "config/yaml.h"
#include "net/http_client.h"
#include "net/url.h"
#include "objstore/internal/http_date.h"
#include "objstore/internal/s3_error.h"
#include "objstore/internal/xml.h"

namespace thanos::objstore::internal {
namespace {

constexpr std::string_view kInstanceEndpoint = "http://169.254.169.254";
constexpr std::string_view kInstanceEndpointV6 = "http://[fd00:ec2::254]";
constexpr std::string_view kInstanceRolePath = "/latest/meta-data/iam/security-credentials/";
constexpr std::string_view kContainerEndpoint = "http://169.254.170.2";
constexpr base::Duration kLocalTimeout = std::chrono::seconds(5);
constexpr base::Duration kStsTimeout = std::chrono::seconds(30);
constexpr size_t kMaxAnswerBytes = 64 * 1024;

// A client for services of this machine.
std::unique_ptr<net::HttpClient> LocalClient() {
  net::HttpClientOptions options;
  options.max_response_bytes = kMaxAnswerBytes;
  options.connect_timeout = std::chrono::seconds(1);
  options.use_proxy = false;
  options.max_idle_connections = 0;
  return net::HttpClient::Create(options);
}

// A timeout that is not the caller's is an outage of the service.
base::StatusOr<net::ClientResponse> Ask(const base::CancelToken& cancel, net::HttpClient& http,
                                        base::Duration timeout, const net::ClientRequest& request) {
  const base::CancelSource limited(cancel, timeout);
  auto response = http.Do(limited.token(), request);
  if (response.status().code() == base::StatusCode::kDeadlineExceeded && !cancel.cancelled()) {
    return base::Unavailable(request.url, ": no answer in time");
  }
  return response;
}

base::Status Refused(int http_status, std::string_view detail) {
  const bool may_pass = http_status >= 500 || http_status == 429 || http_status == 408;
  const std::string text = base::Concat("HTTP status ", http_status, detail.empty() ? "" : ", ", detail);
  return base::MakeStatus(may_pass ? base::StatusCode::kUnavailable : base::StatusCode::kPermissionDenied,
                          text);
}

base::StatusOr<TemporaryKeys> MakeKeys(std::string_view access_key, std::string_view secret_key,
                                       std::string_view token, std::string_view expiration) {
  const auto expires_at_ms = expiration.empty() ? 0 : ParseIsoTimeMs(expiration);
  if (access_key.empty() || secret_key.empty() || !expires_at_ms.has_value()) {
    return base::DataLoss("the answer lacks keys or a valid time of expiry");
  }
  return TemporaryKeys{{std::string(access_key), std::string(secret_key), std::string(token)},
                       *expires_at_ms};
}

class WebIdentity final : public KeySource {
 public:
  explicit WebIdentity(WebIdentityOptions options) : options_(std::move(options)) {
    net::HttpClientOptions http;
    http.max_response_bytes = kMaxAnswerBytes;
    http.max_idle_connections = 0;
    http_ = net::HttpClient::Create(http);
  }
  std::string_view name() const override { return "the STS for web identities"; }

  base::StatusOr<TemporaryKeys> Fetch(const base::CancelToken& cancel) override {
    TH_ASSIGN_OR_RETURN(const std::string token, config::ReadFile(options_.token_file));
    std::string session = options_.session_name;
    if (session.empty()) {
      session = base::Concat("thanos-", base::SystemClock().NowMs());
    }
    net::Parameters form = {{"Action", "AssumeRoleWithWebIdentity"},
                            {"Version", "2011-06-15"},
                            {"RoleSessionName", session},
                            {"WebIdentityToken", std::string(base::Trim(token))}};
    if (!options_.role_arn.empty()) {
      form.emplace_back("RoleArn", options_.role_arn);
    }
    const net::ClientRequest request{
        .method = "POST",
        .url = options_.endpoint,
        .headers = {{"Content-Type", "application/x-www-form-urlencoded"}, {"Accept", "text/xml"}},
        .body = net::EncodeQuery(form)};
    TH_ASSIGN_OR_RETURN(const net::ClientResponse response, Ask(cancel, *http_, kStsTimeout, request));
    return ParseStsAnswer(response.status, response.body);
  }

 private:
  const WebIdentityOptions options_;
  std::unique_ptr<net::HttpClient> http_;
};

class ContainerRole final : public KeySource {
 public:
  explicit ContainerRole(ContainerRoleOptions options) : options_(std::move(options)) {}
  std::string_view name() const override { return "the endpoint for containers"; }

  base::StatusOr<TemporaryKeys> Fetch(const base::CancelToken& cancel) override {
    std::string token = options_.token;
    if (!options_.token_file.empty()) {
      TH_ASSIGN_OR_RETURN(const std::string text, config::ReadFile(options_.token_file));
      token = std::string(base::Trim(text));
    }
    net::ClientRequest request{.url = options_.url};
    if (!token.empty()) {
      request.headers.push_back({"Authorization", token});
    }
    TH_ASSIGN_OR_RETURN(const net::ClientResponse response, Ask(cancel, *http_, kLocalTimeout, request));
    return ParseRoleAnswer(response.status, response.body);
  }

 private:
  const ContainerRoleOptions options_;
  const std::unique_ptr<net::HttpClient> http_ = LocalClient();
};

class InstanceRole final : public KeySource {
 public:
  explicit InstanceRole(InstanceRoleOptions options) : options_(std::move(options)) {}
  std::string_view name() const override { return "the metadata service of the instance"; }

  base::StatusOr<TemporaryKeys> Fetch(const base::CancelToken& cancel) override {
    std::vector<net::HttpHeader> headers;
    TH_ASSIGN_OR_RETURN(const std::string token, SessionToken(cancel));
    if (!token.empty()) {
      headers.push_back({"X-aws-ec2-metadata-token", token});
    }
    const std::string url = base::Concat(options_.endpoint, kInstanceRolePath);
    TH_ASSIGN_OR_RETURN(const net::ClientResponse roles,
                        Ask(cancel, *http_, kLocalTimeout, {.url = url, .headers = headers}));
    if (roles.status != 200) {
      return Refused(roles.status, roles.status == 404 ? "the instance has no role" : "");
    }
    const std::string_view role = base::Trim(std::string_view(roles.body).substr(0, roles.body.find('\n')));
    if (role.empty()) {
      return base::PermissionDenied("the instance has no role");
    }
    TH_ASSIGN_OR_RETURN(const net::ClientResponse keys,
                        Ask(cancel, *http_, kLocalTimeout,
                            {.url = base::Concat(url, UriEncode(role, false)), .headers = headers}));
    return ParseRoleAnswer(keys.status, keys.body);
  }

 private:
  // Empty for a service of version 1. In a container one hop too far away the answer with the token does not
  // arrive: then too version 1 is the only way.
  base::StatusOr<std::string> SessionToken(const base::CancelToken& cancel) {
    const base::CancelSource limited(cancel, options_.token_timeout);
    const auto response =
        http_->Do(limited.token(), {.method = "PUT",
                                    .url = base::Concat(options_.endpoint, "/latest/api/token"),
                                    .headers = {{"X-aws-ec2-metadata-token-ttl-seconds", "21600"}}});
    const bool timed_out =
        response.status().code() == base::StatusCode::kDeadlineExceeded && !cancel.cancelled();
    if (!response.ok() && !timed_out) {
      return response.status();
    }
    if (!timed_out && response->status == 200) {
      return std::string(base::Trim(response->body));
    }
    const bool is_version_1 =
        timed_out || response->status == 403 || response->status == 404 || response->status == 405;
    if (is_version_1 && options_.allows_version_1) {
      return std::string();
    }
    return timed_out ? base::Unavailable("no session token in time") : Refused(response->status, "no token");
  }

  const InstanceRoleOptions options_;
  const std::unique_ptr<net::HttpClient> http_ = LocalClient();
};

std::string StsEndpoint(const S3Config& config, const Environment& environment) {
  if (!config.sts_endpoint.empty()) {
    return config.sts_endpoint;
  }
  std::string region = environment("AWS_REGION").value_or("");
  if (config.aws_sdk_auth) {
    if (const auto url = environment("AWS_ENDPOINT_URL_STS"); url.has_value()) {
      return *url;
    }
    if (region.empty()) {
      region = !config.region.empty() ? config.region : environment("AWS_DEFAULT_REGION").value_or("");
    }
  }
  if (region.empty()) {
    return "https://sts.amazonaws.com";
  }
  return base::Concat("https://sts.", region, ".amazonaws.com", region.starts_with("cn-") ? ".cn" : "");
}

// Keys and tokens go to this machine, to the addresses that the platforms have for it, or through TLS.
bool IsContainerHost(const net::Url& url) {
  if (url.scheme != "http") {
    return url.scheme == "https";
  }
  return url.host == "localhost" || url.host == "::1" || url.host.starts_with("127.") ||
         url.host == "169.254.170.2" || url.host == "169.254.170.23" || url.host == "fd00:ec2::23";
}

base::StatusOr<std::unique_ptr<KeySource>> ChooseContainerRole(const S3Config& config,
                                                               const Environment& environment) {
  ContainerRoleOptions options;
  options.token = environment("AWS_CONTAINER_AUTHORIZATION_TOKEN").value_or("");
  options.token_file = environment("AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE").value_or("");
  const auto relative = environment("AWS_CONTAINER_CREDENTIALS_RELATIVE_URI");
  const auto full = environment("AWS_CONTAINER_CREDENTIALS_FULL_URI");
  if (relative.has_value()) {
    if (!relative->starts_with('/')) {
      return base::InvalidArgument("AWS_CONTAINER_CREDENTIALS_RELATIVE_URI must begin with '/'");
    }
    options.url =
        config.sts_endpoint.empty() ? base::Concat(kContainerEndpoint, *relative) : config.sts_endpoint;
  } else {
    options.url = config.sts_endpoint.empty() || !options.token_file.empty() ? *full : config.sts_endpoint;
    const auto url = net::ParseUrl(options.url);
    if (!url.ok() || !IsContainerHost(*url)) {
      return base::InvalidArgument("AWS_CONTAINER_CREDENTIALS_FULL_URI must be https or on this machine");
    }
  }
  return MakeContainerRole(std::move(options));
}

std::string InstanceEndpoint(const S3Config& config, const Environment& environment) {
  std::string url = config.sts_endpoint;
  if (url.empty()) {
    const bool is_v6 =
        base::EqualsIgnoreCase(environment("AWS_EC2_METADATA_SERVICE_ENDPOINT_MODE").value_or(""), "IPv6");
    url = environment("AWS_EC2_METADATA_SERVICE_ENDPOINT")
              .value_or(std::string(is_v6 ? kInstanceEndpointV6 : kInstanceEndpoint));
  }
  while (url.ends_with('/')) {
    url.pop_back();
  }
  return url;
}

bool IsTrue(const Environment& environment, const std::string& name) {
  return base::EqualsIgnoreCase(environment(name).value_or(""), "true");
}

}  // namespace

std::unique_ptr<KeySource> MakeWebIdentity(WebIdentityOptions options) {
  return std::make_unique<WebIdentity>(std::move(options));
}

std::unique_ptr<KeySource> MakeContainerRole(ContainerRoleOptions options) {
  return std::make_unique<ContainerRole>(std::move(options));
}

std::unique_ptr<KeySource> MakeInstanceRole(InstanceRoleOptions options) {
  return std::make_unique<InstanceRole>(std::move(options));
}

base::StatusOr<std::unique_ptr<KeySource>> ChooseRole(const S3Config& config,
                                                      const Environment& environment) {
  if (const auto token_file = environment("AWS_WEB_IDENTITY_TOKEN_FILE"); token_file.has_value()) {
    return MakeWebIdentity({.endpoint = StsEndpoint(config, environment),
                            .token_file = *token_file,
                            .role_arn = environment("AWS_ROLE_ARN").value_or(""),
                            .session_name = environment("AWS_ROLE_SESSION_NAME").value_or("")});
  }
  if (environment("AWS_CONTAINER_CREDENTIALS_RELATIVE_URI").has_value() ||
      environment("AWS_CONTAINER_CREDENTIALS_FULL_URI").has_value()) {
    return ChooseContainerRole(config, environment);
  }
  if (IsTrue(environment, "AWS_EC2_METADATA_DISABLED")) {
    return std::unique_ptr<KeySource>();
  }
  return MakeInstanceRole({.endpoint = InstanceEndpoint(config, environment),
                           .allows_version_1 = !IsTrue(environment, "AWS_EC2_METADATA_V1_DISABLED")});
}

base::StatusOr<TemporaryKeys> ParseStsAnswer(int http_status, std::string_view body) {
  const auto root = ParseXml(body);
  if (http_status != 200) {
    const XmlElement* error = root.ok() ? root->Find("Error") : nullptr;
    if (error == nullptr) {
      return Refused(http_status, "");
    }
    const base::Status status = Refused(
        http_status, CleanServerText(base::Concat(error->Text("Code"), ": ", error->Text("Message"))));
    return error->Text("Code") == "IDPCommunicationError" ? base::Unavailable(base::Message(status)) : status;
  }
  TH_RETURN_IF_ERROR(root.status());
  const XmlElement* result = root->Find("AssumeRoleWithWebIdentityResult");
  const XmlElement* keys = result == nullptr ? nullptr : result->Find("Credentials");
  if (keys == nullptr) {
    return base::DataLoss("the answer has no credentials");
  }
  return MakeKeys(keys->Text("AccessKeyId"), keys->Text("SecretAccessKey"), keys->Text("SessionToken"),
                  keys->Text("Expiration"));
}

base::StatusOr<TemporaryKeys> ParseRoleAnswer(int http_status, std::string_view body) {
  const auto root = config::ParseYaml(body);  // JSON is YAML
  const auto text = [&](std::string_view key) {
    const config::YamlNode* node = root.ok() ? root->Find(key) : nullptr;
    return node == nullptr ? std::string_view() : std::string_view(node->scalar);
  };
  const std::string_view code = !text("Code").empty() ? text("Code") : text("code");
  if (http_status != 200 || (!code.empty() && code != "Success")) {
    const std::string_view message = !text("Message").empty() ? text("Message") : text("message");
    return Refused(http_status, CleanServerText(base::Concat(code, message.empty() ? "" : ": ", message)));
  }
  if (!root.ok()) {
    return base::DataLoss("the answer is no JSON");  // its text may hold keys
  }
  return MakeKeys(text("AccessKeyId"), text("SecretAccessKey"), text("Token"), text("Expiration"));
}

}  // namespace thanos::objstore::internal
