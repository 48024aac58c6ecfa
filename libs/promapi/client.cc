#include "promapi/client.h"

#include <algorithm>
#include <charconv>
#include <cmath>
#include <limits>
#include <utility>

#include "encoding/compress.h"
#include "net/url.h"
#include "promapi/api_response.h"

namespace thanos::promapi {
namespace {

constexpr std::string_view kLowestTimestampMetric = "prometheus_tsdb_lowest_timestamp_seconds";
// Beyond these Prometheus' own limits are meant; within them a double of seconds keeps the millisecond.
constexpr int64_t kLargestTimeMs = int64_t{1} << 52;

// Seconds with exact milliseconds: "1700006400.123", "-0.5" as "-0.500".
std::string FormatSeconds(int64_t time_ms) {
  const int64_t magnitude = time_ms < 0 ? -time_ms : time_ms;
  std::string fraction = base::Concat(magnitude % 1000);
  fraction.insert(0, 3 - fraction.size(), '0');
  return base::Concat(time_ms < 0 ? "-" : "", magnitude / 1000, ".", fraction);
}

void AddTimes(int64_t min_time_ms, int64_t max_time_ms,
              std::vector<std::pair<std::string, std::string>>* parameters) {
  if (min_time_ms > -kLargestTimeMs) {
    parameters->emplace_back("start", FormatSeconds(std::min(min_time_ms, kLargestTimeMs)));
  }
  if (max_time_ms < kLargestTimeMs) {
    parameters->emplace_back("end", FormatSeconds(std::max(max_time_ms, -kLargestTimeMs)));
  }
}

std::string FormatQuery(const LabelQuery& query) {
  std::vector<std::pair<std::string, std::string>> parameters;
  if (!query.matchers.empty()) {
    std::string selector = "{";
    for (const labels::Matcher& matcher : query.matchers) {
      base::Append(selector, selector.size() > 1 ? "," : "", matcher.ToString());
    }
    selector.push_back('}');
    parameters.emplace_back("match[]", selector);
  }
  AddTimes(query.min_time_ms, query.max_time_ms, &parameters);
  if (query.limit > 0) {
    parameters.emplace_back("limit", base::Concat(query.limit));
  }
  return net::EncodeQuery(parameters);
}

bool IsPlainNameCharacter(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_';
}

// A label name as a path segment: names outside [a-zA-Z_][a-zA-Z0-9_]* in the U__ escaping of Prometheus 3,
// where every foreign character is _<hex of its code point>_ and an underscore is doubled.
std::string PathOfLabel(std::string_view label) {
  const bool digit_first = label.empty() || (label.front() >= '0' && label.front() <= '9');
  if (!digit_first && std::all_of(label.begin(), label.end(), IsPlainNameCharacter)) {
    return std::string(label);
  }
  std::string out = "U__";
  for (size_t i = 0; i < label.size();) {
    const auto lead = static_cast<unsigned char>(label[i]);
    const size_t length = std::min(label.size() - i, lead >= 0xf0   ? size_t{4}
                                                     : lead >= 0xe0 ? size_t{3}
                                                     : lead >= 0xc0 ? size_t{2}
                                                                    : size_t{1});
    if (label[i] == '_') {
      out += "__";
    } else if (IsPlainNameCharacter(label[i])) {
      out.push_back(label[i]);
    } else {
      uint32_t code_point = length == 1 ? lead : lead & (0xffU >> (length + 1));
      for (size_t j = 1; j < length; ++j) {
        code_point = code_point << 6 | (static_cast<unsigned char>(label[i + j]) & 0x3fU);
      }
      char hex[8];
      const auto result = std::to_chars(hex, hex + sizeof(hex), code_point, 16);
      base::Append(out, "_", std::string_view(hex, static_cast<size_t>(result.ptr - hex)), "_");
    }
    i += length;
  }
  return out;
}

}  // namespace

PrometheusClient::PrometheusClient(net::HttpClient& http, std::string_view base_url,
                                   Authorization authorization)
    : http_(http), base_url_(base_url), authorization_(std::move(authorization)) {
  while (base_url_.ends_with('/')) {
    base_url_.pop_back();
  }
}

base::StatusOr<net::ClientRequest> PrometheusClient::MakeRequest(std::string_view method,
                                                                 std::string_view path) const {
  net::ClientRequest request;
  request.method = method;
  request.url = base::Concat(base_url_, path);
  TH_ASSIGN_OR_RETURN(request.headers, authorization_.Headers());
  return request;
}

base::StatusOr<net::ClientResponse> PrometheusClient::Get(const base::CancelToken& cancel,
                                                          std::string_view path,
                                                          std::string_view parameters) {
  TH_ASSIGN_OR_RETURN(net::ClientRequest request, MakeRequest("GET", path));
  if (!parameters.empty()) {
    base::Append(request.url, "?", parameters);
  }
  auto response = http_.Do(cancel, request);
  if (!response.ok()) {
    return base::Annotate(response.status(), "GET ", path);
  }
  if (response->status != 200) {
    return StatusOfHttpError(path, response->status, response->body);
  }
  return response;
}

base::StatusOr<std::string> PrometheusClient::BuildVersion(const base::CancelToken& cancel) {
  auto response = Get(cancel, "/api/v1/status/buildinfo", "");
  if (!response.ok()) {
    return response.status().code() == base::StatusCode::kNotFound
               ? base::StatusOr<std::string>(std::string())
               : response.status();
  }
  return DecodeBuildVersion(std::move(response->body));
}

base::StatusOr<base::StringMap<std::string>> PrometheusClient::Flags(const base::CancelToken& cancel) {
  TH_ASSIGN_OR_RETURN(net::ClientResponse response, Get(cancel, "/api/v1/status/flags", ""));
  return DecodeFlags(std::move(response.body));
}

base::StatusOr<labels::Labels> PrometheusClient::ExternalLabels(const base::CancelToken& cancel) {
  TH_ASSIGN_OR_RETURN(net::ClientResponse response, Get(cancel, "/api/v1/status/config", ""));
  TH_ASSIGN_OR_RETURN(const std::string yaml, DecodeConfig(std::move(response.body)));
  return ParseExternalLabels(yaml);
}

base::StatusOr<int64_t> PrometheusClient::LowestTimestampMs(const base::CancelToken& cancel) {
  TH_ASSIGN_OR_RETURN(const net::ClientResponse response, Get(cancel, "/metrics", ""));
  for (const std::string_view line : base::Split(response.body, '\n')) {
    if (!line.starts_with(kLowestTimestampMetric) || line.size() <= kLowestTimestampMetric.size() ||
        line[kLowestTimestampMetric.size()] != ' ') {
      continue;
    }
    const auto seconds = base::ParseDouble(base::Trim(line.substr(kLowestTimestampMetric.size())));
    if (!seconds || std::isnan(*seconds)) {
      return base::DataLoss("GET /metrics: bad value in ", base::Quote(line));
    }
    // An empty TSDB reports the largest or smallest time there is.
    const double time_ms = std::floor(*seconds * 1000.0);
    constexpr double kBound = 9.2e18;
    if (time_ms >= kBound) {
      return std::numeric_limits<int64_t>::max();
    }
    return time_ms <= -kBound ? std::numeric_limits<int64_t>::min() : static_cast<int64_t>(time_ms);
  }
  return base::NotFound("GET /metrics: ", kLowestTimestampMetric, " is missing");
}

base::StatusOr<std::vector<std::string>> PrometheusClient::LabelNames(const base::CancelToken& cancel,
                                                                      const LabelQuery& query) {
  TH_ASSIGN_OR_RETURN(net::ClientResponse response, Get(cancel, "/api/v1/labels", FormatQuery(query)));
  return DecodeStrings("/api/v1/labels", std::move(response.body));
}

base::StatusOr<std::vector<std::string>> PrometheusClient::LabelValues(const base::CancelToken& cancel,
                                                                       std::string_view label,
                                                                       const LabelQuery& query) {
  const std::string path = base::Concat("/api/v1/label/", PathOfLabel(label), "/values");
  TH_ASSIGN_OR_RETURN(net::ClientResponse response, Get(cancel, path, FormatQuery(query)));
  return DecodeStrings(path, std::move(response.body));
}

base::StatusOr<series::SeriesBatch> PrometheusClient::Series(const base::CancelToken& cancel,
                                                             const LabelQuery& query) {
  TH_ASSIGN_OR_RETURN(net::ClientResponse response, Get(cancel, "/api/v1/series", FormatQuery(query)));
  return DecodeSeries(std::move(response.body));
}

base::StatusOr<std::unique_ptr<RemoteReadStream>> PrometheusClient::RemoteRead(
    const base::CancelToken& cancel, const RemoteReadQuery& query) {
  constexpr std::string_view kPath = "/api/v1/read";
  TH_ASSIGN_OR_RETURN(net::ClientRequest request, MakeRequest("POST", kPath));
  request.headers.push_back({"Content-Type", "application/x-protobuf"});
  request.headers.push_back({"Content-Encoding", "snappy"});
  request.headers.push_back({"X-Prometheus-Remote-Read-Version", "0.1.0"});
  encoding::SnappyCompress(EncodeReadRequest(query), &request.body);
  auto body = http_.Open(cancel, request);
  if (!body.ok()) {
    return base::Annotate(body.status(), "POST ", kPath);
  }
  if ((*body)->status() != 200) {
    constexpr size_t kMaxErrorBytes = 4096;
    std::string text;
    while (text.size() < kMaxErrorBytes) {
      const auto more = (*body)->Read(cancel, &text);
      if (!more.ok() || !*more) {
        break;
      }
    }
    text.resize(std::min(text.size(), kMaxErrorBytes));
    return StatusOfHttpError(kPath, (*body)->status(), text);
  }
  return DecodeRemoteRead(*std::move(body));
}

base::StatusOr<std::vector<::thanos::RuleGroup>> PrometheusClient::Rules(const base::CancelToken& cancel,
                                                                         std::string_view type) {
  const std::string parameters = type.empty() ? "" : net::EncodeQuery({{"type", std::string(type)}});
  TH_ASSIGN_OR_RETURN(net::ClientResponse response, Get(cancel, "/api/v1/rules", parameters));
  return DecodeRules(std::move(response.body));
}

base::StatusOr<::thanos::TargetDiscovery> PrometheusClient::Targets(const base::CancelToken& cancel,
                                                                    std::string_view state) {
  TH_ASSIGN_OR_RETURN(net::ClientResponse response,
                      Get(cancel, "/api/v1/targets", net::EncodeQuery({{"state", std::string(state)}})));
  return DecodeTargets(std::move(response.body));
}

base::StatusOr<::thanos::MetricMetadata> PrometheusClient::Metadata(const base::CancelToken& cancel,
                                                                    std::string_view metric, int64_t limit) {
  std::vector<std::pair<std::string, std::string>> parameters;
  if (!metric.empty()) {
    parameters.emplace_back("metric", metric);
  }
  if (limit >= 0) {
    parameters.emplace_back("limit", base::Concat(limit));
  }
  TH_ASSIGN_OR_RETURN(net::ClientResponse response,
                      Get(cancel, "/api/v1/metadata", net::EncodeQuery(parameters)));
  return DecodeMetadata(std::move(response.body));
}

base::StatusOr<std::vector<::thanos::ExemplarData>> PrometheusClient::Exemplars(
    const base::CancelToken& cancel, std::string_view query, int64_t min_time_ms, int64_t max_time_ms) {
  std::vector<std::pair<std::string, std::string>> parameters{{"query", std::string(query)}};
  AddTimes(min_time_ms, max_time_ms, &parameters);
  TH_ASSIGN_OR_RETURN(net::ClientResponse response,
                      Get(cancel, "/api/v1/query_exemplars", net::EncodeQuery(parameters)));
  return DecodeExemplars(std::move(response.body));
}

base::Status PrometheusClient::Reload(const base::CancelToken& cancel) {
  TH_ASSIGN_OR_RETURN(const net::ClientRequest request, MakeRequest("POST", "/-/reload"));
  const auto response = http_.Do(cancel, request);
  if (!response.ok()) {
    return base::Annotate(response.status(), "POST /-/reload");
  }
  return response->status == 200 ? base::OkStatus()
                                 : StatusOfHttpError("/-/reload", response->status, response->body);
}

}  // namespace thanos::promapi
