#pragma once

// The HTTP API of one Prometheus: what a sidecar needs to know about it, its label and series calls, and
// remote read.

#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/cancel.h"
#include "base/status.h"
#include "base/strings.h"
#include "labels/labels.h"
#include "labels/matcher.h"
#include "net/http_client.h"
#include "promapi/client_config.h"
#include "promapi/endpoint_json.h"
#include "promapi/remote_read.h"
#include "series/series_set.h"

namespace thanos::promapi {

// Series and time range of a label or series call. Times are inclusive milliseconds; the extreme values of
// int64 mean "no bound". Prometheus refuses a call whose matchers all accept the empty value.
struct LabelQuery {
  std::span<const labels::Matcher> matchers = {};
  int64_t min_time_ms = 0;
  int64_t max_time_ms = 0;
  int64_t limit = 0;  // 0 is none; servers before 2.54 ignore it
};

// Thread-safe. Errors: Unavailable when there was no answer or it was a 5xx, InvalidArgument for requests
// Prometheus refused, DataLoss for answers that are not what the API promises; the message names the call.
class PrometheusClient {
 public:
  // `base_url` is scheme://host[:port][/prefix]. `http` must outlive the client and its streams.
  PrometheusClient(net::HttpClient& http, std::string_view base_url, Authorization authorization = {});

  // For example "2.42.0"; empty for servers that do not tell (before 2.14).
  base::StatusOr<std::string> BuildVersion(const base::CancelToken& cancel);
  // Command-line flags by name, without leading dashes.
  base::StatusOr<base::StringMap<std::string>> Flags(const base::CancelToken& cancel);
  // `global.external_labels` of the loaded configuration.
  base::StatusOr<labels::Labels> ExternalLabels(const base::CancelToken& cancel);
  // Oldest timestamp the TSDB holds, from the gauge prometheus_tsdb_lowest_timestamp_seconds. The maximum of
  // int64 for an empty TSDB.
  base::StatusOr<int64_t> LowestTimestampMs(const base::CancelToken& cancel);

  // Sorted as Prometheus sends them, which is bytewise.
  base::StatusOr<std::vector<std::string>> LabelNames(const base::CancelToken& cancel,
                                                      const LabelQuery& query);
  base::StatusOr<std::vector<std::string>> LabelValues(const base::CancelToken& cancel,
                                                       std::string_view label, const LabelQuery& query);
  // Label sets without chunks, each sorted by name, in no particular order.
  base::StatusOr<series::SeriesBatch> Series(const base::CancelToken& cancel, const LabelQuery& query);

  // Sends the query and returns when the answer's header has arrived. The stream must not outlive the client.
  base::StatusOr<std::unique_ptr<RemoteReadStream>> RemoteRead(const base::CancelToken& cancel,
                                                               const RemoteReadQuery& query);

  // `type` is "alert", "record" or empty for all rules.
  base::StatusOr<std::vector<::thanos::RuleGroup>> Rules(const base::CancelToken& cancel,
                                                         std::string_view type);
  // `state` is "active", "dropped" or "any".
  base::StatusOr<::thanos::TargetDiscovery> Targets(const base::CancelToken& cancel, std::string_view state);
  // Of `metric`, or of all metrics when it is empty. A negative limit is none.
  base::StatusOr<::thanos::MetricMetadata> Metadata(const base::CancelToken& cancel, std::string_view metric,
                                                    int64_t limit);
  // Of the series that the selectors of `query` select. Times are inclusive milliseconds.
  base::StatusOr<std::vector<::thanos::ExemplarData>> Exemplars(const base::CancelToken& cancel,
                                                                std::string_view query, int64_t min_time_ms,
                                                                int64_t max_time_ms);

  // Makes Prometheus load its configuration again.
  base::Status Reload(const base::CancelToken& cancel);

 private:
  // A request with credentials.
  base::StatusOr<net::ClientRequest> MakeRequest(std::string_view method, std::string_view path) const;
  base::StatusOr<net::ClientResponse> Get(const base::CancelToken& cancel, std::string_view path,
                                          std::string_view parameters);

  net::HttpClient& http_;
  std::string base_url_;
  const Authorization authorization_;
};

}  // namespace thanos::promapi
