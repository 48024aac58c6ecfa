#include "storeapi/series_call.h"

#include <utility>

#include "rpc/status.h"
#include "storeapi/guarded.h"
#include "storeapi/raw_bytes.h"

namespace thanos::storeapi {
namespace {

constexpr int64_t kSamplesPerChunk = 120;

// Ends a call that never started.
class RejectedCall final : public grpc::ServerWriteReactor<grpc::ByteBuffer> {
 public:
  explicit RejectedCall(const base::Status& status) { Finish(rpc::ToGrpc(status)); }
  void OnDone() override { delete this; }
};

}  // namespace

void LiveCalls::Enter() {
  base::MutexLock lock(mutex_);
  ++count_;
}

void LiveCalls::Leave() {
  base::MutexLock lock(mutex_);
  --count_;
  // Under the lock: the waiter cannot go on, and destroy this, before it is given up.
  changed_.notify_all();
}

void LiveCalls::Wait() {
  base::MutexLock lock(mutex_);
  changed_.wait(lock.native(), [this]() ABSL_NO_THREAD_SAFETY_ANALYSIS { return count_ == 0; });
}

SeriesCall::SeriesCall(SeriesCallContext& context, SeriesRequest request, base::TimePoint deadline,
                       bool chunk_hashes)
    : context_(context),
      request_(std::move(request)),
      cancel_(base::CancelToken(), deadline),
      writer_({.batch_size = request_.response_batch_size,
               .max_frame_bytes = context.options.max_frame_bytes,
               .chunk_hashes = chunk_hashes}) {
  context_.live_calls.Enter();
  context_.pending.Add(1);
}

SeriesCall::~SeriesCall() {
  context_.pending.Add(-1);
}

grpc::ServerWriteReactor<grpc::ByteBuffer>* SeriesCall::Reject(const base::Status& status) {
  return new RejectedCall(status);
}

void SeriesCall::Start() {
  context_.pool.Submit([this] { Produce(); });
}

void SeriesCall::OnWriteDone(bool ok) {
  {
    base::MutexLock lock(mutex_);
    writing_now_ = false;
    broken_ = broken_ || !ok;
  }
  if (!ok) {
    cancel_.Cancel();
  }
  Advance(Producer::kAbsent, base::OkStatus(), nullptr);
}

void SeriesCall::OnCancel() {
  {
    base::MutexLock lock(mutex_);
    broken_ = true;
  }
  cancel_.Cancel();
  Advance(Producer::kAbsent, base::OkStatus(), nullptr);
}

void SeriesCall::OnDone() {
  LiveCalls& live_calls = context_.live_calls;
  delete this;
  live_calls.Leave();
}

base::Status SeriesCall::CheckLimits() const {
  const StoreServerOptions& options = context_.options;
  if (options.max_series > 0 && num_series_ > options.max_series) {
    context_.dropped_by_series.Increment();
    return base::ResourceExhausted("series limit of one request: limit ", options.max_series,
                                   " violated (got ", num_series_, ")");
  }
  if (options.max_samples > 0 && num_chunks_ * kSamplesPerChunk > options.max_samples) {
    context_.dropped_by_samples.Increment();
    return base::ResourceExhausted("samples limit of one request: limit ", options.max_samples,
                                   " violated (got ", num_chunks_ * kSamplesPerChunk, ")");
  }
  return base::OkStatus();
}

base::StatusOr<bool> SeriesCall::Pull(std::vector<Frame>* frames) {
  const base::CancelToken cancel = cancel_.token();
  TH_RETURN_IF_ERROR(cancel.status());
  if (set_ == nullptr) {
    TH_ASSIGN_OR_RETURN(set_, context_.store.Series(cancel, request_));
  }
  TH_ASSIGN_OR_RETURN(const bool more, set_->Next(cancel, &batch_));
  if (!more) {
    writer_.Flush(frames);
    return false;
  }
  for (const std::string& warning : batch_.warnings) {
    writer_.AddWarning(warning, frames);
  }
  for (const series::Series& series : batch_.series) {
    ++num_series_;
    num_chunks_ += static_cast<int64_t>(series.chunks.size());
    TH_RETURN_IF_ERROR(CheckLimits());
    writer_.Add(series, frames);
  }
  return true;
}

void SeriesCall::Produce() {
  std::vector<Frame> frames;
  while (true) {
    frames.clear();
    const base::StatusOr<bool> more = Guarded(context_.panics, [&] { return Pull(&frames); });
    if (!more.ok() || !*more) {
      // Whatever the stream holds is given back before the call ends, so that a stopped server leaves no user
      // of the store.
      set_.reset();
      batch_.Clear();
      context_.series_requested.Observe(static_cast<double>(num_series_));
      context_.chunks_requested.Observe(static_cast<double>(num_chunks_));
      Advance(Producer::kEnds, more.status(), &frames);
      return;
    }
    if (!Advance(Producer::kOffers, base::OkStatus(), &frames)) {
      return;
    }
  }
}

bool SeriesCall::Advance(Producer producer, base::Status status, std::vector<Frame>* frames) {
  enum class Action { kNone, kWrite, kWriteAndFinish, kFinish };
  Action action = Action::kNone;
  bool start_producer = false;
  bool keep_producing = false;
  {
    base::MutexLock lock(mutex_);
    if (finished_) {
      return false;
    }
    if (producer != Producer::kAbsent) {
      for (Frame& frame : *frames) {
        buffered_bytes_ += frame.size();
        buffered_.push_back(std::move(frame));
      }
      produced_all_ = producer == Producer::kEnds;
      status_ = std::move(status);
    }
    if (broken_) {
      buffered_.clear();
      buffered_bytes_ = 0;
    }
    if (!writing_now_ && !buffered_.empty()) {
      buffered_bytes_ -= buffered_.front().size();
      writing_ = ToByteBuffer(std::move(buffered_.front()));
      buffered_.pop_front();
      writing_now_ = true;
      action = Action::kWrite;
      if (produced_all_ && buffered_.empty() && status_.ok()) {
        // The last message and the end travel together.
        finished_ = true;
        action = Action::kWriteAndFinish;
      }
    }
    const size_t limit = context_.options.max_buffered_bytes;
    if (producer == Producer::kOffers) {
      producing_ = keep_producing = buffered_bytes_ < limit;
    } else if (producer == Producer::kEnds) {
      producing_ = false;
    } else if (!producing_ && !produced_all_ && buffered_bytes_ <= limit / 2) {
      producing_ = start_producer = true;
    }
    if (!writing_now_ && produced_all_) {
      finished_ = true;
      status = status_;
      action = Action::kFinish;
    }
  }
  // Outside the lock: gRPC may call back on this thread. A running producer keeps the call from being
  // finished.
  if (start_producer) {
    context_.pool.Submit([this] { Produce(); });
  }
  if (action == Action::kWrite) {
    StartWrite(&writing_);
  } else if (action == Action::kWriteAndFinish) {
    StartWriteAndFinish(&writing_, grpc::WriteOptions(), grpc::Status::OK);
  } else if (action == Action::kFinish) {
    Finish(rpc::ToGrpc(status));
  }
  return keep_producing;
}

}  // namespace thanos::storeapi
