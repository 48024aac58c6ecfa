#pragma once

// The stream of one store inside a proxy: a failure becomes a warning or fails the request.

#include <memory>
#include <string>
#include <vector>

#include "base/cancel.h"
#include "series/series_set.h"
#include "storeapi/shard.h"
#include "storeapi/store.h"
#include "telemetry/metrics.h"

namespace thanos::fanout {

// When to give a store up so that there is time left to deliver the answers of the others: a tenth, at most
// two seconds, before the deadline. kNoDeadline when there is none.
base::TimePoint GiveUpTime(const base::CancelToken& cancel);

class StoreStream final : public series::SeriesSet {
 public:
  struct Options {
    std::shared_ptr<storeapi::Store> store;  // kept while its stream is open; may be null
    std::string store_name;
    storeapi::PartialResponse partial_response = storeapi::PartialResponse::kWarn;
    base::TimePoint give_up_at = base::kNoDeadline;  // for kWarn: no longer wait for a silent store
    base::TimePoint first_by = base::kNoDeadline;    // when the first frame must have come
    telemetry::Counter* empty_streams = nullptr;     // incremented when the store sent no series
  };
  // `inner` is the store's stream, or why it could not be opened.
  StoreStream(base::StatusOr<std::unique_ptr<series::SeriesSet>> inner, Options options);
  base::StatusOr<bool> Next(const base::CancelToken& cancel, series::SeriesBatch* batch) override;

 private:
  // Until when one Next() may wait for the store.
  base::TimePoint WaitLimit(const base::CancelToken& cancel) const;
  base::StatusOr<bool> Fail(const base::Status& status, series::SeriesBatch* batch);

  const Options options_;
  base::Status open_status_;
  std::unique_ptr<series::SeriesSet> inner_;  // null after the end
  bool saw_series_ = false;
  bool saw_frame_ = false;
};

// Keeps the series of one shard, for stores that cannot shard.
class ShardedSet final : public series::SeriesSet {
 public:
  ShardedSet(std::unique_ptr<series::SeriesSet> inner, const storeapi::ShardInfo& shard);
  base::StatusOr<bool> Next(const base::CancelToken& cancel, series::SeriesBatch* batch) override;

 private:
  const std::unique_ptr<series::SeriesSet> inner_;
  storeapi::ShardMatcher matcher_;
};

}  // namespace thanos::fanout
