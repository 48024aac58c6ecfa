#pragma once

// One Series call on the server. Includes gRPC headers: for storeapi's own sources only.

#include <condition_variable>
#include <deque>
#include <grpcpp/grpcpp.h>
#include <memory>
#include <vector>

#include "base/cancel.h"
#include "base/mutex.h"
#include "concurrency/thread_pool.h"
#include "storeapi/series_codec.h"
#include "storeapi/server.h"
#include "storeapi/store.h"

namespace thanos::storeapi {

// Counts the calls gRPC still holds. A server's shutdown returns before the last reactions have run (they are
// handed to gRPC's own threads), so what they use must wait for them. Thread-safe.
class LiveCalls {
 public:
  void Enter();
  // The last thing a call does; the waiter may destroy this object right after.
  void Leave();
  // Returns when every call that entered has left.
  void Wait();

 private:
  base::Mutex mutex_;
  std::condition_variable changed_;
  int count_ ABSL_GUARDED_BY(mutex_) = 0;
};

// Instruments and settings shared by the calls of one server.
struct SeriesCallContext {
  Store& store;
  concurrency::ThreadPool& pool;
  StoreServerOptions options;
  telemetry::Histogram& series_requested;
  telemetry::Histogram& chunks_requested;
  telemetry::Gauge& pending;
  telemetry::Counter& dropped_by_series;  // calls over a limit
  telemetry::Counter& dropped_by_samples;
  telemetry::Counter& panics;
  LiveCalls& live_calls;
};

// Moves frames from a store to the client. A task on the pool produces until the buffer is full and is
// submitted again when the transport has taken half of it. Deletes itself when gRPC is done with it.
class SeriesCall final : public grpc::ServerWriteReactor<grpc::ByteBuffer> {
 public:
  SeriesCall(SeriesCallContext& context, SeriesRequest request, base::TimePoint deadline, bool chunk_hashes);
  // After construction, once.
  void Start();
  // Fails the call without producing.
  static grpc::ServerWriteReactor<grpc::ByteBuffer>* Reject(const base::Status& status);

  void OnWriteDone(bool ok) override;
  void OnCancel() override;
  void OnDone() override;

 private:
  ~SeriesCall() override;
  // Pool thread.
  void Produce();
  // One batch from the store into `frames`; false at the end of the stream.
  base::StatusOr<bool> Pull(std::vector<Frame>* frames);
  base::Status CheckLimits() const;
  // Whether the caller is the producer, and then whether it has frames to offer or ends with `status`.
  enum class Producer { kAbsent, kOffers, kEnds };
  // Starts the next write, the producer or the end, whichever the state asks for. True: the producer goes on.
  // Otherwise `this` may be gone already.
  bool Advance(Producer producer, base::Status status, std::vector<Frame>* frames);

  SeriesCallContext& context_;
  const SeriesRequest request_;
  base::CancelSource cancel_;

  // Of the producer task; tasks of one call never overlap.
  std::unique_ptr<series::SeriesSet> set_;
  series::SeriesBatch batch_;
  SeriesFrameWriter writer_;
  int64_t num_series_ = 0;
  int64_t num_chunks_ = 0;

  grpc::ByteBuffer writing_;  // of the write in flight

  base::Mutex mutex_;
  std::deque<Frame> buffered_ ABSL_GUARDED_BY(mutex_);
  size_t buffered_bytes_ ABSL_GUARDED_BY(mutex_) = 0;
  bool producing_ ABSL_GUARDED_BY(mutex_) = true;
  bool produced_all_ ABSL_GUARDED_BY(mutex_) = false;
  bool writing_now_ ABSL_GUARDED_BY(mutex_) = false;
  bool broken_ ABSL_GUARDED_BY(mutex_) = false;  // the client left or a write failed
  bool finished_ ABSL_GUARDED_BY(mutex_) = false;
  base::Status status_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace thanos::storeapi
