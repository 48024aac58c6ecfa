#include "cache/internal/circuit_breaker.h"

namespace thanos::cache::internal {

bool CircuitBreaker::Allow(base::TimePoint now) {
  if (!config_.enabled) {
    return true;
  }
  base::MutexLock lock(mutex_);
  if (state_ == State::kOpen && now - since_ >= config_.open_duration) {
    Become(State::kHalfOpen, now);
  }
  if (state_ == State::kOpen || (state_ == State::kHalfOpen && allowed_ >= config_.half_open_max_requests)) {
    return false;
  }
  ++allowed_;
  return true;
}

void CircuitBreaker::Record(bool ok, base::TimePoint now) {
  if (!config_.enabled) {
    return;
  }
  base::MutexLock lock(mutex_);
  ++recorded_;
  failures_ += ok ? 0 : 1;
  consecutive_ = ok ? 0 : consecutive_ + 1;
  switch (state_) {
    case State::kClosed:
      if (IsTooBad()) {
        Become(State::kOpen, now);
      }
      break;
    case State::kHalfOpen:
      if (!ok) {
        Become(State::kOpen, now);
      } else if (recorded_ >= config_.half_open_max_requests) {
        Become(State::kClosed, now);
      }
      break;
    case State::kOpen:
      break;  // of before it opened
  }
}

bool CircuitBreaker::IsTooBad() const {
  return consecutive_ >= config_.consecutive_failures ||
         (recorded_ >= config_.min_requests &&
          static_cast<double>(failures_) >= config_.failure_percent * static_cast<double>(recorded_));
}

void CircuitBreaker::Become(State state, base::TimePoint now) {
  state_ = state;
  since_ = now;
  allowed_ = 0;
  recorded_ = 0;
  failures_ = 0;
  consecutive_ = 0;
}

}  // namespace thanos::cache::internal
