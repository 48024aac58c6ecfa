#pragma once

// Private: a server-streaming call whose whole answer is computed first.

#include <functional>
#include <grpcpp/grpcpp.h>
#include <utility>
#include <vector>

#include "base/cancel.h"
#include "base/status.h"
#include "concurrency/thread_pool.h"
#include "rpc/status.h"
#include "storeapi/guarded.h"

namespace thanos::storeapi {

// Computes an answer on a pool, then sends its frames one after the other. Deletes itself when gRPC is done
// with it, which is after Finish and so after the work.
template <typename Frame>
class FramesCall final : public grpc::ServerWriteReactor<Frame> {
 public:
  using Work = std::function<base::StatusOr<std::vector<Frame>>(const base::CancelToken&)>;
  FramesCall(concurrency::ThreadPool& pool, telemetry::Counter& panics, base::TimePoint deadline, Work work)
      : cancel_(base::CancelToken(), deadline) {
    pool.Submit([this, &panics, work = std::move(work)] {
      base::Status status = cancel_.token().status();
      if (status.ok()) {
        base::StatusOr<std::vector<Frame>> frames = Guarded(panics, [&] { return work(cancel_.token()); });
        status = frames.status();
        if (frames.ok()) {
          frames_ = *std::move(frames);
        }
      }
      if (status.ok()) {
        WriteNext();
      } else {
        this->Finish(rpc::ToGrpc(status));
      }
    });
  }
  void OnWriteDone(bool ok) override {
    if (ok) {
      WriteNext();
    } else {
      this->Finish(grpc::Status(grpc::StatusCode::CANCELLED, "the client left"));
    }
  }
  void OnCancel() override { cancel_.Cancel(); }
  void OnDone() override { delete this; }

 private:
  void WriteNext() {
    if (position_ == frames_.size()) {
      this->Finish(grpc::Status::OK);
    } else {
      this->StartWrite(&frames_[position_++]);
    }
  }

  base::CancelSource cancel_;
  std::vector<Frame> frames_;
  size_t position_ = 0;
};

}  // namespace thanos::storeapi
