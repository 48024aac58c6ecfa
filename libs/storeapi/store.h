#pragma once

// StoreAPI in our own types: proxies compose because proxy, leaf and remote client look alike. Wire rules:
// thanos rpc.proto; the guarantees of a Series stream are those of series::SeriesSet plus the notes below.

#include <cstdint>
#include <limits>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/cancel.h"
#include "base/status.h"
#include "labels/labels.h"
#include "labels/matcher.h"
#include "series/series_set.h"

namespace thanos::storeapi {

// kWarn: a failing part becomes a warning. kAbort: it fails the call (Aborted).
enum class PartialResponse { kWarn = 0, kAbort = 1 };

struct ShardInfo {
  int64_t shard_index = 0;
  int64_t total_shards = 0;  // below 1: no sharding
  bool by = false;
  std::vector<std::string> labels;
};

// What the querier knows about the use of the data; stores may exploit it and may ignore it.
struct QueryHints {
  int64_t step_ms = 0;
  std::string function;
  bool grouping_by = false;
  std::vector<std::string> grouping_labels;
  int64_t range_ms = 0;
};

struct SeriesRequest {
  int64_t min_time_ms = std::numeric_limits<int64_t>::min();  // both inclusive
  int64_t max_time_ms = std::numeric_limits<int64_t>::max();
  std::vector<labels::Matcher> matchers;
  int64_t max_resolution_ms = 0;  // coarsest resolution allowed; 0 is raw only
  std::vector<series::Aggregate> aggregates;
  PartialResponse partial_response = PartialResponse::kWarn;
  bool skip_chunks = false;
  QueryHints hints;
  ShardInfo shard;
  // These labels are removed from external and stored labels before sorting.
  std::vector<std::string> without_replica_labels;
  int64_t limit = 0;                // series; 0 is none
  int64_t response_batch_size = 0;  // series per message; 0 and 1 send single series
  std::string request_hints;        // serialized google.protobuf.Any, passed through unread by proxies
  std::string tenant;               // never empty inside a process that checks tenancy
  std::string request_id;           // of the outermost request, for logs; may be empty
};

struct LabelNamesRequest {
  int64_t min_time_ms = std::numeric_limits<int64_t>::min();
  int64_t max_time_ms = std::numeric_limits<int64_t>::max();
  std::vector<labels::Matcher> matchers;
  PartialResponse partial_response = PartialResponse::kWarn;
  std::vector<std::string> without_replica_labels;
  int64_t limit = 0;
  std::string request_hints;
  std::string tenant;
  std::string request_id;
};

struct LabelValuesRequest {
  std::string label;
  int64_t min_time_ms = std::numeric_limits<int64_t>::min();
  int64_t max_time_ms = std::numeric_limits<int64_t>::max();
  std::vector<labels::Matcher> matchers;
  PartialResponse partial_response = PartialResponse::kWarn;
  std::vector<std::string> without_replica_labels;
  int64_t limit = 0;
  std::string request_hints;
  std::string tenant;
  std::string request_id;
};

// Sorted, unique names or values.
struct LabelsResponse {
  std::vector<std::string> values;
  std::vector<std::string> warnings;
  std::string response_hints;  // serialized google.protobuf.Any
};

// External labels and time range of one TSDB behind a store. Times are inclusive milliseconds.
struct TsdbInfo {
  labels::Labels external_labels;
  int64_t min_time_ms = 0;
  int64_t max_time_ms = 0;
};

// What a store announces about itself (the `store` part of Info plus its label sets).
struct StoreInfo {
  std::vector<labels::Labels> label_sets;
  int64_t min_time_ms = std::numeric_limits<int64_t>::max();
  int64_t max_time_ms = std::numeric_limits<int64_t>::min();
  bool supports_sharding = false;
  bool supports_without_replica_labels = false;
  std::vector<TsdbInfo> tsdb_infos;
};

// Anything that serves series. Thread-safe. Implementations: bucketstore, promstore, fanout's proxy, the
// remote client.
class Store {
 public:
  virtual ~Store() = default;
  // The returned set must not outlive the store. Work starts at the latest with the first Next(); the token
  // given here covers the whole stream.
  virtual base::StatusOr<std::unique_ptr<series::SeriesSet>> Series(const base::CancelToken& cancel,
                                                                    const SeriesRequest& request) = 0;
  virtual base::StatusOr<LabelsResponse> LabelNames(const base::CancelToken& cancel,
                                                    const LabelNamesRequest& request) = 0;
  virtual base::StatusOr<LabelsResponse> LabelValues(const base::CancelToken& cancel,
                                                     const LabelValuesRequest& request) = 0;
  // Current announcement. Unavailable while the store is not ready.
  virtual base::StatusOr<StoreInfo> Info() = 0;
};

}  // namespace thanos::storeapi
