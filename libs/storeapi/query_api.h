#pragma once

// PromQL at an endpoint that evaluates it: the service thanos.Query in our own types. Free of gRPC headers.

#include <cstdint>
#include <string>
#include <vector>

#include "base/cancel.h"
#include "base/clock.h"
#include "base/status.h"
#include "labels/labels.h"
#include "labels/matcher.h"
#include "storeapi/store.h"

namespace thanos::storeapi {

// On the wire all times and durations are whole seconds: what is not is cut off.
struct QueryCall {
  std::string query;
  bool range = false;
  int64_t start_ms = 0;  // the time of an instant query
  int64_t end_ms = 0;
  int64_t step_ms = 0;
  base::Duration timeout{};  // 0: the server's
  int64_t max_resolution_ms = 0;
  std::vector<std::string> replica_labels;  // empty: the server's
  std::vector<std::vector<labels::Matcher>> store_matchers;
  bool deduplicate = true;
  PartialResponse partial_response = PartialResponse::kWarn;
  ShardInfo shard;
  int64_t lookback_ms = 0;  // 0: the server's
  std::string engine;       // "", "prometheus" or "thanos"
  int64_t response_batch_size = 0;
  std::string tenant;
  std::string request_id;
};

// Columns of equal length, oldest first. A scalar is one series without labels.
struct QueryApiSeries {
  labels::Labels labels;
  std::vector<int64_t> timestamps;
  std::vector<double> values;
};

struct QueryApiAnswer {
  std::vector<QueryApiSeries> series;
  std::vector<std::string> warnings;
  int64_t samples_total = 0;
  int64_t peak_samples = 0;
};

// Thread-safe. Implementations: the querier, the remote client.
class QueryApi {
 public:
  virtual ~QueryApi() = default;
  // InvalidArgument: the query or its times. Unimplemented: a result the service cannot carry (strings,
  // native histograms). Else what the evaluation fails with.
  virtual base::StatusOr<QueryApiAnswer> Evaluate(const base::CancelToken& cancel, const QueryCall& call) = 0;
};

}  // namespace thanos::storeapi
