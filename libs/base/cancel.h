#pragma once

// Cancellation and deadline of one request. A CancelToken is the first parameter of everything that may wait
// or loop for long; a CancelSource owns the decision. Deadlines are taken once at the request's entry and
// only ever shrink.

#include <functional>
#include <memory>
#include <string_view>

#include "base/clock.h"
#include "base/status.h"

namespace thanos::base {

namespace internal {
class CancelState;
}

// Unregisters its callback when destroyed; the destructor waits for a running callback of another thread.
class CancelRegistration {
 public:
  CancelRegistration() = default;
  ~CancelRegistration();
  CancelRegistration(CancelRegistration&& other) noexcept;
  CancelRegistration& operator=(CancelRegistration&& other) noexcept;

 private:
  friend class CancelToken;
  CancelRegistration(std::shared_ptr<internal::CancelState> state, uint64_t id);
  void Reset();
  std::shared_ptr<internal::CancelState> state_;
  uint64_t id_ = 0;
};

// Cheap to copy; thread-safe. A default token is never cancelled.
class CancelToken {
 public:
  CancelToken() = default;

  // True after Cancel() of the source or one of its ancestors, or when the deadline has passed. Reads the
  // clock when there is a deadline: call it once per batch, not per sample.
  bool cancelled() const;
  // OK, the status given to Cancel(), or DeadlineExceeded.
  Status status() const;
  // kNoDeadline when there is none.
  TimePoint deadline() const;
  // Time left until the deadline, at least zero and at most `at_most`.
  Duration Remaining(Duration at_most) const;

  // Runs `callback` once on Cancel(), in the cancelling thread, at once when already cancelled. Deadlines do
  // not call back: waiters must wait no longer than deadline(). The callback must not block.
  [[nodiscard]] CancelRegistration OnCancel(std::function<void()> callback) const;

  // Sleeps for `duration`; false as soon as the token is cancelled.
  bool SleepFor(Duration duration) const;

 private:
  friend class CancelSource;
  explicit CancelToken(std::shared_ptr<internal::CancelState> state) : state_(std::move(state)) {}
  std::shared_ptr<internal::CancelState> state_;
};

// Thread-safe. Destruction does not cancel.
class CancelSource {
 public:
  // Cancelled on its own only.
  CancelSource();
  // Cancelled with `parent` too, and with the earlier of `deadline` and the parent's.
  explicit CancelSource(const CancelToken& parent, TimePoint deadline = kNoDeadline);
  // As above with a deadline of `timeout` from now.
  CancelSource(const CancelToken& parent, Duration timeout);

  // The first call wins.
  void Cancel(Status reason = base::Cancelled("context canceled"));
  CancelToken token() const { return CancelToken(state_); }

 private:
  std::shared_ptr<internal::CancelState> state_;
  CancelRegistration parent_registration_;
};

}  // namespace thanos::base
