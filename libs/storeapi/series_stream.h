#pragma once

// One Series call on the client. Includes gRPC headers: for storeapi's own sources only.

#include <condition_variable>
#include <deque>
#include <grpcpp/generic/generic_stub.h>
#include <grpcpp/grpcpp.h>
#include <memory>
#include <string>

#include "base/bytes.h"
#include "base/cancel.h"
#include "base/mutex.h"
#include "storeapi/caller_metadata.h"
#include "storeapi/client.h"
#include "storeapi/series_codec.h"

namespace thanos::storeapi {

// Receives messages into a bounded buffer. Kept alive by itself until gRPC is done with it, and by its
// reader: whichever is later.
class SeriesReceiver final : public grpc::ClientBidiReactor<grpc::ByteBuffer, grpc::ByteBuffer>,
                             public std::enable_shared_from_this<SeriesReceiver> {
 public:
  SeriesReceiver(std::string name, const RemoteStoreOptions& options)
      : name_(std::move(name)), options_(options) {}

  // Sends `request` and begins to read. Once. The registration cancels the call with `cancel`; it may not
  // outlive this.
  [[nodiscard]] base::CancelRegistration Start(grpc::GenericStub& stub, const base::CancelToken& cancel,
                                               const Caller& caller, const std::string& request);
  // Waits for the next message; false at the end of the stream.
  base::StatusOr<bool> Take(const base::CancelToken& cancel, grpc::ByteBuffer* out);
  // Whether Take() would not wait for a message.
  bool HasData();
  // Cancels the call. Nothing is read afterwards.
  void Abandon();

  void OnReadDone(bool ok) override;
  void OnDone(const grpc::Status& status) override;

 private:
  // Waits for data or the end; the reason when neither came.
  base::Status WaitForData(const base::CancelToken& cancel, base::MutexLock& lock)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);

  const std::string name_;
  const RemoteStoreOptions options_;
  grpc::ClientContext context_;
  grpc::ByteBuffer request_;
  grpc::ByteBuffer reading_;  // of the read in flight
  std::shared_ptr<SeriesReceiver> self_;

  base::Mutex mutex_;
  std::condition_variable changed_;
  // Joined to one piece by the reader: then the bytes are in its cache when it parses them.
  std::deque<grpc::ByteBuffer> received_ ABSL_GUARDED_BY(mutex_);
  size_t received_bytes_ ABSL_GUARDED_BY(mutex_) = 0;
  bool reading_now_ ABSL_GUARDED_BY(mutex_) = false;
  bool read_all_ ABSL_GUARDED_BY(mutex_) = false;  // the hold is released
  bool abandoned_ ABSL_GUARDED_BY(mutex_) = false;
  bool done_ ABSL_GUARDED_BY(mutex_) = false;
  base::Status status_ ABSL_GUARDED_BY(mutex_);
};

// The stream of series of one call.
class RemoteSeriesSet final : public series::SeriesSet {
 public:
  RemoteSeriesSet(std::shared_ptr<SeriesReceiver> receiver, base::CancelRegistration registration)
      : receiver_(std::move(receiver)), registration_(std::move(registration)) {}
  ~RemoteSeriesSet() override;
  base::StatusOr<bool> Next(const base::CancelToken& cancel, series::SeriesBatch* batch) override;

 private:
  const std::shared_ptr<SeriesReceiver> receiver_;
  base::CancelRegistration registration_;
  SeriesFrameReader reader_;
};

}  // namespace thanos::storeapi
