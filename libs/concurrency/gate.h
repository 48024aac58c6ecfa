#pragma once

#include <condition_variable>
#include <cstdint>

#include "base/cancel.h"
#include "base/mutex.h"
#include "base/status.h"

namespace thanos::concurrency {

// Admits at most `capacity` holders at a time; the others wait. Thread-safe.
class Gate {
 public:
  explicit Gate(int capacity) : capacity_(capacity) {}

  // Held while a holder is inside.
  class Pass {
   public:
    Pass() = default;
    explicit Pass(Gate* gate) : gate_(gate) {}
    ~Pass() { Release(); }
    Pass(Pass&& other) noexcept : gate_(other.gate_) { other.gate_ = nullptr; }
    Pass& operator=(Pass&& other) noexcept;
    void Release();

   private:
    Gate* gate_ = nullptr;
  };

  // Waits for a place; the token's status when it ends first.
  base::StatusOr<Pass> Enter(const base::CancelToken& cancel);
  int capacity() const { return capacity_; }
  int in_flight();

 private:
  void Leave();

  const int capacity_;
  base::Mutex mutex_;
  std::condition_variable changed_;
  int inside_ ABSL_GUARDED_BY(mutex_) = 0;
};

}  // namespace thanos::concurrency
