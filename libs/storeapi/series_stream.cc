#include "storeapi/series_stream.h"

#include <algorithm>
#include <utility>

#include "rpc/status.h"
#include "storeapi/raw_bytes.h"

namespace thanos::storeapi {
namespace {

constexpr char kSeriesMethod[] = "/thanos.Store/Series";
// Small messages are gathered into one batch up to this many series or bytes.
constexpr size_t kBatchSeries = 256;
constexpr size_t kBatchBytes = size_t{512} << 10;

}  // namespace

base::CancelRegistration SeriesReceiver::Start(grpc::GenericStub& stub, const base::CancelToken& cancel,
                                               const Caller& caller, const std::string& request) {
  self_ = shared_from_this();
  base::CancelRegistration registration = rpc::SetContext(context_, cancel);
  AddCallerMetadata(context_, caller.tenant, caller.request_id);
  // Equal chunks are found by their bytes.
  context_.AddMetadata(std::string(kNoChunkHashesMetadataKey), "1");
  // Headers, request and end of requests in one write.
  context_.set_initial_metadata_corked(true);
  const grpc::Slice slice(request);
  request_ = grpc::ByteBuffer(&slice, 1);
  {
    base::MutexLock lock(mutex_);
    reading_now_ = true;
  }
  stub.PrepareBidiStreamingCall(&context_, kSeriesMethod, grpc::StubOptions(), this);
  // The reader starts reads outside of reactions; the hold is given back with the last read.
  AddHold();
  StartWriteLast(&request_, grpc::WriteOptions());
  StartRead(&reading_);
  StartCall();
  return registration;
}

void SeriesReceiver::OnReadDone(bool ok) {
  bool read_again = false;
  bool release = false;
  {
    base::MutexLock lock(mutex_);
    reading_now_ = false;
    if (ok && !abandoned_) {
      received_bytes_ += reading_.Length();
      received_.emplace_back();
      received_.back().Swap(&reading_);
      read_again = reading_now_ = received_bytes_ < options_.max_buffered_bytes;
    } else {
      release = read_all_ = true;
    }
  }
  if (!release) {
    changed_.notify_all();  // else OnDone follows
  }
  if (read_again) {
    StartRead(&reading_);
  } else if (release) {
    if (ok) {
      context_.TryCancel();
    }
    RemoveHold();
  }
}

void SeriesReceiver::OnDone(const grpc::Status& status) {
  const std::shared_ptr<SeriesReceiver> self = std::move(self_);
  base::MutexLock lock(mutex_);
  status_ = rpc::FromGrpc(status);
  done_ = true;
  changed_.notify_all();
}

base::Status SeriesReceiver::WaitForData(const base::CancelToken& cancel, base::MutexLock& lock) {
  const auto ready = [&]() ABSL_NO_THREAD_SAFETY_ANALYSIS {
    return !received_.empty() || done_ || cancel.cancelled();
  };
  const bool limited = options_.response_timeout > base::Duration::zero();
  base::TimePoint until = cancel.deadline();
  if (limited) {
    until = std::min(until, base::SteadyNow() + options_.response_timeout);
  }
  if (until == base::kNoDeadline) {
    changed_.wait(lock.native(), ready);
  } else {
    changed_.wait_until(lock.native(), until, ready);
  }
  if (!received_.empty() || done_) {
    return base::OkStatus();
  }
  TH_RETURN_IF_ERROR(cancel.status());
  const auto waited = std::chrono::duration_cast<std::chrono::milliseconds>(options_.response_timeout);
  return base::DeadlineExceeded("no data received within ", waited.count(), "ms from ", name_);
}

base::StatusOr<bool> SeriesReceiver::Take(const base::CancelToken& cancel, grpc::ByteBuffer* out) {
  bool read_again = false;
  {
    const base::CancelRegistration registration = cancel.OnCancel([this] {
      base::MutexLock lock(mutex_);
      changed_.notify_all();
    });
    base::MutexLock lock(mutex_);
    if (base::Status status = WaitForData(cancel, lock); !status.ok()) {
      context_.TryCancel();
      return status;
    }
    if (received_.empty()) {
      // The deadline of the call is the token's; its own words are the clearer ones.
      if (const base::Status reason = cancel.status(); !status_.ok() && !reason.ok()) {
        return reason;
      }
      return status_.ok() ? base::StatusOr<bool>(false) : base::StatusOr<bool>(status_);
    }
    out->Swap(&received_.front());
    received_.pop_front();
    received_bytes_ -= out->Length();
    // Half full, so that a stream that is ahead is not stopped and started with every message.
    if (!reading_now_ && !read_all_ && !abandoned_ && received_bytes_ <= options_.max_buffered_bytes / 2) {
      read_again = reading_now_ = true;
    }
  }
  if (read_again) {
    StartRead(&reading_);
  }
  return true;
}

bool SeriesReceiver::HasData() {
  base::MutexLock lock(mutex_);
  return !received_.empty();
}

void SeriesReceiver::Abandon() {
  bool release = false;
  {
    base::MutexLock lock(mutex_);
    abandoned_ = true;
    received_.clear();
    received_bytes_ = 0;
    if (!reading_now_ && !read_all_) {
      release = read_all_ = true;
    }
  }
  context_.TryCancel();
  if (release) {
    RemoveHold();
  }
}

RemoteSeriesSet::~RemoteSeriesSet() {
  registration_ = base::CancelRegistration();
  receiver_->Abandon();
}

base::StatusOr<bool> RemoteSeriesSet::Next(const base::CancelToken& cancel, series::SeriesBatch* batch) {
  batch->Clear();
  size_t num_bytes = 0;
  while (batch->empty() ||
         (batch->series.size() < kBatchSeries && num_bytes < kBatchBytes && receiver_->HasData())) {
    grpc::ByteBuffer received;
    TH_ASSIGN_OR_RETURN(const bool more, receiver_->Take(cancel, &received));
    if (!more) {
      return !batch->empty();
    }
    TH_ASSIGN_OR_RETURN(const base::SharedBytes message, FromByteBuffer(received));
    num_bytes += message.bytes.size();
    batch->Retain(message.owner);
    TH_RETURN_IF_ERROR(reader_.Read(message.bytes, batch));
  }
  return true;
}

}  // namespace thanos::storeapi
