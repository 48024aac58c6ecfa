#pragma once

// The gRPC face of a Store: services thanos.Store and thanos.info.Info.

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "base/clock.h"
#include "base/status.h"
#include "concurrency/thread_pool.h"
#include "rpc/server.h"
#include "storeapi/store.h"
#include "telemetry/metrics.h"

namespace thanos::storeapi {

inline constexpr std::string_view kTenantMetadataKey = "thanos-tenant";
inline constexpr std::string_view kDefaultTenant = "default-tenant";
// Metadata of callers that do not use the hashes of chunks; the value does not matter.
inline constexpr std::string_view kNoChunkHashesMetadataKey = "thanos-no-chunk-hashes";

struct StoreServerOptions {
  int64_t max_series = 0;   // of one Series call; 0 is none
  int64_t max_samples = 0;  // of one Series call, each chunk counted as 120 samples; 0 is none
  size_t max_frame_bytes = size_t{512} << 10;
  size_t max_buffered_bytes = size_t{1} << 20;  // encoded and not yet taken by the transport, per call
};

// Serves `store`. Series is produced on `pool`, where its Next() may block; a slow reader holds no thread,
// only up to max_buffered_bytes. A client that leaves or its deadline trip the token given to the store.
class StoreServer final : public rpc::ServiceAdaptor {
 public:
  // All references must outlive the server that this is added to.
  StoreServer(Store& store, concurrency::ThreadPool& pool, telemetry::Registry& metrics,
              StoreServerOptions options = {});
  ~StoreServer() override;
  grpc::Service& service() override;

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

// Which APIs an endpoint serves; `store` is part of EndpointInfo itself.
struct ServedApis {
  bool rules = false;
  bool metric_metadata = false;
  bool targets = false;
  bool exemplars = false;
  bool query = false;
  bool status = false;
  friend bool operator==(const ServedApis&, const ServedApis&) = default;
};

// The answer of Info.
struct EndpointInfo {
  std::string component;  // sidecar, rule, store, receive, query, ...
  bool has_store = false;
  StoreInfo store;  // label sets are filled also without has_store
  ServedApis apis;
};

// Serves Info from `info`, which must not block and is called from many threads. Its error (Unavailable while
// not ready) fails the call.
class InfoServer final : public rpc::ServiceAdaptor {
 public:
  explicit InfoServer(std::function<base::StatusOr<EndpointInfo>()> info);
  // The announcement of `store`, which must outlive this, and of `apis`.
  InfoServer(std::string component, Store& store, ServedApis apis = {});
  ~InfoServer() override;
  grpc::Service& service() override;

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace thanos::storeapi
