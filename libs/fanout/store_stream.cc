#include "fanout/store_stream.h"

#include <algorithm>
#include <utility>

namespace thanos::fanout {

base::TimePoint GiveUpTime(const base::CancelToken& cancel) {
  if (cancel.deadline() == base::kNoDeadline) {
    return base::kNoDeadline;
  }
  constexpr base::Duration kMostTime = std::chrono::seconds(2);
  const base::Duration left = cancel.deadline() - base::SteadyNow();
  return cancel.deadline() - std::clamp(left / 10, base::Duration::zero(), kMostTime);
}

StoreStream::StoreStream(base::StatusOr<std::unique_ptr<series::SeriesSet>> inner, Options options)
    : options_(std::move(options)), open_status_(inner.status()) {
  if (inner.ok()) {
    inner_ = *std::move(inner);
  }
}

base::StatusOr<bool> StoreStream::Next(const base::CancelToken& cancel, series::SeriesBatch* batch) {
  batch->Clear();
  if (!open_status_.ok()) {
    return Fail(std::exchange(open_status_, base::OkStatus()), batch);
  }
  if (inner_ == nullptr) {
    return false;
  }
  const bool warn = options_.partial_response == storeapi::PartialResponse::kWarn;
  base::TimePoint limit = warn ? WaitLimit(cancel) : base::kNoDeadline;
  if (!saw_frame_) {
    limit = std::min(limit, options_.first_by);
  }
  const base::CancelSource source(cancel, limit);
  const base::StatusOr<bool> more = inner_->Next(source.token(), batch);
  if (!more.ok()) {
    // The request itself is over: nobody is left to warn.
    TH_RETURN_IF_ERROR(cancel.status());
    batch->Clear();
    return Fail(more.status(), batch);
  }
  if (!*more) {
    inner_.reset();
    if (!saw_series_ && options_.empty_streams != nullptr) {
      options_.empty_streams->Increment();
    }
    return false;
  }
  saw_frame_ = true;
  saw_series_ = saw_series_ || !batch->series.empty();
  if (!warn && !batch->warnings.empty()) {
    return base::Aborted(batch->warnings.front());
  }
  return true;
}

base::TimePoint StoreStream::WaitLimit(const base::CancelToken& cancel) const {
  if (cancel.deadline() == base::kNoDeadline) {
    return base::kNoDeadline;
  }
  // Late in the request every store still gets a part of what is left, so that one silent store neither cuts
  // off the healthy ones nor uses up their time.
  const base::TimePoint now = base::SteadyNow();
  return std::max(options_.give_up_at, now + (cancel.deadline() - now) / 4);
}

base::StatusOr<bool> StoreStream::Fail(const base::Status& status, series::SeriesBatch* batch) {
  inner_.reset();
  std::string text = base::Concat("receive series from ", options_.store_name, ": ",
                                  base::CodeName(status.code()), ": ", base::Message(status));
  if (options_.partial_response == storeapi::PartialResponse::kAbort) {
    return base::Aborted(text);
  }
  batch->warnings.push_back(std::move(text));
  return true;
}

ShardedSet::ShardedSet(std::unique_ptr<series::SeriesSet> inner, const storeapi::ShardInfo& shard)
    : inner_(std::move(inner)), matcher_(shard) {}

base::StatusOr<bool> ShardedSet::Next(const base::CancelToken& cancel, series::SeriesBatch* batch) {
  while (true) {
    TH_ASSIGN_OR_RETURN(const bool more, inner_->Next(cancel, batch));
    if (!more) {
      return false;
    }
    std::erase_if(batch->series,
                  [this](const series::Series& series) { return !matcher_.Matches(series.labels); });
    if (!batch->empty()) {
      return true;
    }
  }
}

}  // namespace thanos::fanout
