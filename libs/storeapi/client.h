#pragma once

// Remote endpoints as plain C++: a Store behind a gRPC channel, and Info.

#include <memory>
#include <string>

#include "base/cancel.h"
#include "base/clock.h"
#include "base/status.h"
#include "rpc/channel.h"
#include "storeapi/apis.h"
#include "storeapi/query_api.h"
#include "storeapi/server.h"
#include "storeapi/store.h"

namespace grpc {
class Channel;
}

namespace thanos::storeapi {

struct RemoteStoreOptions {
  // Longest wait for the next frame while nothing is buffered; 0 is no limit besides the deadline.
  base::Duration response_timeout{};
  int64_t response_batch_size = 64;  // asked for when the request does not say
  // Received and not yet consumed, per stream. Reading stops above it; the last message may exceed it.
  size_t max_buffered_bytes = size_t{512} << 10;
};

// Thread-safe. Series() starts the call and reads ahead in the background; destroying the set cancels the
// call. Info() asks the remote (5 s at most); callers that poll use RemoteEndpoint.
class RemoteStore final : public Store {
 public:
  // `name` is used in messages, usually the address.
  RemoteStore(std::shared_ptr<grpc::Channel> channel, std::string name, RemoteStoreOptions options = {});
  ~RemoteStore() override;
  base::StatusOr<std::unique_ptr<series::SeriesSet>> Series(const base::CancelToken& cancel,
                                                            const SeriesRequest& request) override;
  base::StatusOr<LabelsResponse> LabelNames(const base::CancelToken& cancel,
                                            const LabelNamesRequest& request) override;
  base::StatusOr<LabelsResponse> LabelValues(const base::CancelToken& cancel,
                                             const LabelValuesRequest& request) override;
  base::StatusOr<StoreInfo> Info() override;

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

// One address with all that is spoken to it. Thread-safe.
class Endpoint {
 public:
  virtual ~Endpoint() = default;
  virtual Store& store() = 0;
  virtual base::StatusOr<EndpointInfo> Info(const base::CancelToken& cancel) = 0;
  // The other APIs; which of them it serves is part of Info. Null when none can be asked. Lives as long as
  // this.
  virtual EndpointApis* apis() { return nullptr; }
  // The same for queries.
  virtual QueryApi* query_api() { return nullptr; }
};

// An endpoint over its own channel to `address` (host:port or a gRPC URI). Connects lazily.
base::StatusOr<std::unique_ptr<Endpoint>> Connect(const std::string& address,
                                                  const rpc::ChannelOptions& channel,
                                                  const RemoteStoreOptions& options);
// The same with credentials shared by many endpoints; `name` is used in messages.
std::unique_ptr<Endpoint> Connect(const std::string& name, const std::string& address,
                                  const rpc::ChannelFactory& channels, const rpc::ChannelTarget& target,
                                  const RemoteStoreOptions& options);
// The same over a channel that exists.
std::unique_ptr<Endpoint> MakeEndpoint(std::shared_ptr<grpc::Channel> channel, std::string name,
                                       const RemoteStoreOptions& options);

}  // namespace thanos::storeapi
