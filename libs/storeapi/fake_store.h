#pragma once

// A Store over prepared answers, for tests of everything that talks to stores.

#include <atomic>
#include <functional>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "base/mutex.h"
#include "series/series_set.h"
#include "storeapi/store.h"

namespace thanos::storeapi {

// One series of a fake: labels, and raw XOR chunks of {min time, max time, bytes}. The bytes need not decode.
struct FakeSeries {
  labels::Labels labels;
  struct FakeChunk {
    int64_t min_time_ms;
    int64_t max_time_ms;
    std::string data;
  };
  std::vector<FakeChunk> chunks;
};

// Copies `series` into `batch`.
inline void AppendFake(const FakeSeries& series, series::SeriesBatch* batch) {
  auto* const chunks = batch->arena().AllocateArray<series::Chunk>(series.chunks.size());
  for (size_t i = 0; i < series.chunks.size(); ++i) {
    const FakeSeries::FakeChunk& chunk = series.chunks[i];
    new (&chunks[i])
        series::Chunk{.min_time_ms = chunk.min_time_ms,
                      .max_time_ms = chunk.max_time_ms,
                      .raw = {.encoding = chunkenc::Encoding::kXor, .data = batch->arena().Copy(chunk.data)}};
  }
  batch->series.push_back(
      {.labels = labels::CopyTo(batch->arena(), series.labels), .chunks = {chunks, series.chunks.size()}});
}

// Answers Series with `series` that satisfy the matchers, `batch_size` per Next(); then `end_status`.
// Thread-safe after set-up; what is changed after a call over a transport is changed by Update().
class FakeStore : public Store {
 public:
  std::vector<FakeSeries> series;
  std::vector<std::string> warnings;  // sent before the first series
  size_t batch_size = 2;
  base::Status open_status;  // of Series(), LabelNames() and LabelValues()
  base::Status end_status;   // after the last series
  // Called before each batch; may block on the token. Its error ends the stream.
  std::function<base::Status(const base::CancelToken&)> before_batch;
  base::StatusOr<StoreInfo> info = StoreInfo{};
  LabelsResponse label_names;
  LabelsResponse label_values;
  std::atomic<int> num_calls{0};
  std::atomic<int> num_batches{0};
  std::atomic<int> open_sets{0};

  // Runs `change` while no call reads the fields.
  template <typename Change>
  void Update(Change change) {
    base::MutexLock lock(mutex_);
    change();
  }

  SeriesRequest last_request() const {
    base::MutexLock lock(mutex_);
    return last_request_;
  }

  base::StatusOr<std::unique_ptr<series::SeriesSet>> Series(const base::CancelToken&,
                                                            const SeriesRequest& request) override {
    ++num_calls;
    base::MutexLock lock(mutex_);
    last_request_ = request;
    TH_RETURN_IF_ERROR(open_status);
    return std::make_unique<Set>(*this, request.matchers);
  }
  base::StatusOr<LabelsResponse> LabelNames(const base::CancelToken& cancel,
                                            const LabelNamesRequest&) override {
    return Answer(cancel, label_names);
  }
  base::StatusOr<LabelsResponse> LabelValues(const base::CancelToken& cancel,
                                             const LabelValuesRequest&) override {
    return Answer(cancel, label_values);
  }
  base::StatusOr<StoreInfo> Info() override {
    base::MutexLock lock(mutex_);
    return info;
  }

 private:
  class Set final : public series::SeriesSet {
   public:
    Set(FakeStore& store, std::vector<labels::Matcher> matchers)
        : store_(store), matchers_(std::move(matchers)) {
      ++store_.open_sets;
    }
    ~Set() override { --store_.open_sets; }
    base::StatusOr<bool> Next(const base::CancelToken& cancel, series::SeriesBatch* batch) override {
      batch->Clear();
      TH_RETURN_IF_ERROR(store_.RunBeforeBatch(cancel));
      TH_RETURN_IF_ERROR(cancel.status());
      base::MutexLock lock(store_.mutex_);
      if (position_ == 0 && !warned_) {
        warned_ = true;
        batch->warnings = store_.warnings;
      }
      while (position_ < store_.series.size() && batch->series.size() < store_.batch_size) {
        const FakeSeries& candidate = store_.series[position_++];
        if (labels::MatchesAll(matchers_, candidate.labels)) {
          AppendFake(candidate, batch);
        }
      }
      ++store_.num_batches;
      if (!batch->empty()) {
        return true;
      }
      TH_RETURN_IF_ERROR(store_.end_status);
      return false;
    }

   private:
    FakeStore& store_;
    const std::vector<labels::Matcher> matchers_;
    size_t position_ = 0;
    bool warned_ = false;
  };

  base::StatusOr<LabelsResponse> Answer(const base::CancelToken& cancel, const LabelsResponse& response) {
    ++num_calls;
    {
      base::MutexLock lock(mutex_);
      TH_RETURN_IF_ERROR(open_status);
    }
    TH_RETURN_IF_ERROR(RunBeforeBatch(cancel));
    base::MutexLock lock(mutex_);
    return response;
  }

  // Not under the lock: it may block.
  base::Status RunBeforeBatch(const base::CancelToken& cancel) {
    std::function<base::Status(const base::CancelToken&)> action;
    {
      base::MutexLock lock(mutex_);
      action = before_batch;
    }
    return action ? action(cancel) : base::OkStatus();
  }

  mutable base::Mutex mutex_;
  SeriesRequest last_request_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace thanos::storeapi
