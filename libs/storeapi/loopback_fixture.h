#pragma once

// A store behind a real gRPC server on loopback, for this library's tests.

#include <grpcpp/grpcpp.h>
#include <gtest/gtest.h>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "concurrency/thread_pool.h"
#include "rpc/callback_threads.h"
#include "storeapi/client.h"
#include "storeapi/fake_store.h"
#include "storeapi/server.h"

namespace thanos::storeapi {

// Serves `services` on a free loopback port until destroyed.
class LoopbackServer {
 public:
  explicit LoopbackServer(std::vector<grpc::Service*> services) {
    rpc::KeepCallbackThreads();
    grpc::ServerBuilder builder;
    builder.AddListeningPort("127.0.0.1:0", grpc::InsecureServerCredentials(), &port_);
    builder.SetMaxReceiveMessageSize(-1);
    for (grpc::Service* const service : services) {
      builder.RegisterService(service);
    }
    server_ = builder.BuildAndStart();
  }
  ~LoopbackServer() { server_->Shutdown(std::chrono::system_clock::now()); }
  std::string address() const { return base::Concat("127.0.0.1:", port_); }
  std::shared_ptr<grpc::Channel> channel() const {
    grpc::ChannelArguments arguments;
    arguments.SetMaxReceiveMessageSize(-1);
    return grpc::CreateCustomChannel(address(), grpc::InsecureChannelCredentials(), arguments);
  }

 private:
  int port_ = 0;
  std::unique_ptr<grpc::Server> server_;
};

// True once `condition` holds; false after ten seconds.
template <typename Condition>
bool Eventually(Condition condition) {
  const base::TimePoint deadline = base::SteadyNow() + std::chrono::seconds(10);
  while (!condition()) {
    if (base::SteadyNow() > deadline) {
      return false;
    }
    std::this_thread::yield();
  }
  return true;
}

// Series s-0000.. with one chunk of `chunk_bytes` each.
inline std::vector<FakeSeries> MakeSeries(int count, size_t chunk_bytes) {
  std::vector<FakeSeries> series;
  for (int i = 0; i < count; ++i) {
    std::string name = base::Concat(i);
    name.insert(0, 6 - name.size(), '0');
    const std::string data(chunk_bytes, static_cast<char>('a' + i % 26));
    series.push_back(
        {.labels = labels::Labels({{"__name__", "up"}, {"instance", name}}), .chunks = {{i, i + 1, data}}});
  }
  return series;
}

struct Collected {
  std::vector<FakeSeries> series;
  std::vector<std::string> warnings;
  base::Status status;
};

// Reads a stream to its end.
inline Collected Collect(const base::CancelToken& cancel, Store& store, const SeriesRequest& request) {
  Collected result;
  base::StatusOr<std::unique_ptr<series::SeriesSet>> set = store.Series(cancel, request);
  if (!set.ok()) {
    result.status = set.status();
    return result;
  }
  series::SeriesBatch batch;
  while (true) {
    const base::StatusOr<bool> more = (*set)->Next(cancel, &batch);
    if (!more.ok() || !*more) {
      result.status = more.status();
      return result;
    }
    result.warnings.insert(result.warnings.end(), batch.warnings.begin(), batch.warnings.end());
    for (const series::Series& series : batch.series) {
      FakeSeries copy{.labels = labels::Labels(series.labels), .chunks = {}};
      for (const series::Chunk& chunk : series.chunks) {
        copy.chunks.push_back({chunk.min_time_ms, chunk.max_time_ms, std::string(chunk.raw.data)});
      }
      result.series.push_back(std::move(copy));
    }
  }
}

inline std::vector<std::string> Instances(const std::vector<FakeSeries>& series) {
  std::vector<std::string> instances;
  for (const FakeSeries& one : series) {
    instances.emplace_back(labels::Get(one.labels, "instance"));
  }
  return instances;
}

class StoreLoopbackTest : public testing::Test {
 protected:
  StoreLoopbackTest() { request.matchers = {labels::Matcher::Equal("__name__", "up")}; }
  // Starts the server over `store`, with `options`.
  void Serve(StoreServerOptions options = {}) {
    loopback.reset();  // its calls use the services until they are done
    server_ = std::make_unique<StoreServer>(store, pool, telemetry::NullRegistry(), options);
    info_server_ = std::make_unique<InfoServer>("fake", store);
    loopback = std::make_unique<LoopbackServer>(std::vector{&server_->service(), &info_server_->service()});
  }
  RemoteStore Client(RemoteStoreOptions options = {}) { return {loopback->channel(), "fake:1", options}; }

  FakeStore store;
  concurrency::ThreadPool pool{"series", 4};
  std::unique_ptr<StoreServer> server_;
  std::unique_ptr<InfoServer> info_server_;
  std::unique_ptr<LoopbackServer> loopback;
  SeriesRequest request;
};

}  // namespace thanos::storeapi
