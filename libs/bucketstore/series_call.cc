// The Series call: select blocks, stream each, merge.

#include <utility>
#include <vector>

#include "bucketstore/bucket_store.h"
#include "bucketstore/internal/block_series.h"
#include "bucketstore/internal/block_set.h"
#include "bucketstore/internal/hints.h"
#include "bucketstore/internal/metrics.h"
#include "bucketstore/internal/request_scope.h"
#include "concurrency/task_group.h"
#include "series/merge.h"

namespace thanos::bucketstore {
namespace {

using internal::BlockSeriesSet;
using internal::RequestScope;

size_t ChunkBytes(const series::Series& series) {
  size_t bytes = 0;
  for (const series::Chunk& chunk : series.chunks) {
    bytes += chunk.raw.data.size();
    if (chunk.aggregates != nullptr) {
      for (const series::ChunkData& aggregate : *chunk.aggregates) {
        bytes += aggregate.data.size();
      }
    }
  }
  return bytes;
}

// What a local block costs to prepare shows only when it is done, and most cost less than to wake a helper:
// after this time the rest is spread.
constexpr base::Duration kPrepareAlone = std::chrono::microseconds(300);

// Finds the series of all blocks and reads their first batches, several at the same time. Errors appear in
// the first Next() of the blocks.
base::Status PrepareAll(const base::CancelToken& cancel, concurrency::ThreadPool& pool, bool is_local,
                        const std::vector<BlockSeriesSet*>& blocks) {
  size_t next = 0;
  if (is_local) {
    const base::TimePoint begin = base::SteadyNow();
    for (; next < blocks.size() && base::SteadyNow() - begin < kPrepareAlone; ++next) {
      blocks[next]->PrepareFirstBatch(cancel);
    }
  }
  const size_t left = blocks.size() - next;
  if (left <= 1) {
    return cancel.status();
  }
  return concurrency::ParallelFor(pool, cancel, left, left, [&](const base::CancelToken& token, size_t i) {
    blocks[next + i]->PrepareFirstBatch(token);
    return cancel.status();
  });
}

// The merged answer, with the request's scope (and so its place in the gate) held until the stream is gone.
class CallSet final : public series::SeriesSet {
 public:
  CallSet(std::unique_ptr<series::SeriesSet> merged, std::shared_ptr<RequestScope> scope)
      : scope_(std::move(scope)), merged_(std::move(merged)) {}
  ~CallSet() override {
    merged_.reset();
    {
      base::MutexLock lock(scope_->work_mutex);
      scope_->work.Observe(scope_->metrics);
    }
    scope_->metrics.merge_duration.Observe(base::ToSeconds(in_next_));
    scope_->metrics.series_result_series.Observe(static_cast<double>(num_series_));
    scope_->metrics.gate_in_flight.Add(-1);
  }

  base::StatusOr<bool> Next(const base::CancelToken& cancel, series::SeriesBatch* batch) override {
    const base::TimePoint start = base::SteadyNow();
    auto result = merged_->Next(cancel, batch);
    in_next_ += base::SteadyNow() - start;
    num_series_ += batch->series.size();
    if (!scope_->request.skip_chunks) {
      for (const series::Series& series : batch->series) {
        scope_->metrics.sent_chunk_bytes.Observe(static_cast<double>(ChunkBytes(series)));
      }
    }
    if (result.status().code() == base::StatusCode::kResourceExhausted) {
      CountDropped();
    }
    return result;
  }

 private:
  void CountDropped() {
    const Limits& limits = scope_->options.limits;
    const auto breached = [](const internal::Limiter& limiter, int64_t limit) {
      return limit > 0 && limiter.used() > static_cast<uint64_t>(limit);
    };
    if (breached(scope_->series_limiter, limits.max_series)) {
      scope_->metrics.dropped_series.Increment();
    } else if (breached(scope_->bytes_limiter, limits.max_bytes)) {
      scope_->metrics.dropped_bytes.Increment();
    } else {
      scope_->metrics.dropped_chunks.Increment();
    }
  }

  const std::shared_ptr<RequestScope> scope_;
  std::unique_ptr<series::SeriesSet> merged_;
  base::Duration in_next_{};
  size_t num_series_ = 0;
};

}  // namespace

base::StatusOr<std::unique_ptr<series::SeriesSet>> BucketStore::Series(
    const base::CancelToken& cancel, const storeapi::SeriesRequest& request) {
  if (!ready()) {
    return base::Unavailable("bucket store is not ready: blocks are being loaded");
  }
  TH_ASSIGN_OR_RETURN(const auto block_matchers, internal::ParseBlockMatchers(request.request_hints));
  auto scope =
      std::make_shared<RequestScope>(options_, *metrics_, *index_cache_, *chunk_pool_, bucket_, pool_);
  scope->request = CutToServedRange(request);
  const base::TimePoint queued = base::SteadyNow();
  TH_ASSIGN_OR_RETURN(scope->gate_pass, gate_.Enter(cancel));
  metrics_->gate_duration.Observe(base::ToSeconds(base::SteadyNow() - queued));
  metrics_->gate_total.Increment();

  const storeapi::SeriesRequest& cut = scope->request;
  const auto current = blocks();
  std::vector<std::string> missing = current->MissingBlocks(cut.min_time_ms, cut.max_time_ms, cut.matchers);
  if (!missing.empty() && cut.partial_response == storeapi::PartialResponse::kAbort) {
    return base::Aborted(missing.front());
  }
  std::vector<std::unique_ptr<series::SeriesSet>> sets;
  std::vector<BlockSeriesSet*> to_prepare;
  for (internal::SelectedBlock& selected :
       current->Select(cut.min_time_ms, cut.max_time_ms, cut.max_resolution_ms, cut.matchers)) {
    if (!internal::MatchesBlock(block_matchers, selected.block->meta())) {
      continue;
    }
    auto set = std::make_unique<BlockSeriesSet>(std::move(selected), scope);
    to_prepare.push_back(set.get());
    sets.push_back(std::move(set));
  }
  metrics_->series_blocks_queried.Observe(static_cast<double>(sets.size()));
  const base::TimePoint start = base::SteadyNow();
  TH_RETURN_IF_ERROR(PrepareAll(cancel, pool_, scope->is_local, to_prepare));
  metrics_->get_all_duration.Observe(base::ToSeconds(base::SteadyNow() - start));
  if (!missing.empty()) {
    std::vector<series::SeriesBatch> batches(1);
    batches[0].warnings = std::move(missing);
    sets.push_back(series::FromBatches(std::move(batches)));
  }
  auto merged = series::MergeSets(std::move(sets));
  if (cut.limit > 0) {
    merged = series::Limit(std::move(merged), cut.limit);
  }
  metrics_->gate_in_flight.Add(1);
  return std::make_unique<CallSet>(std::move(merged), std::move(scope));
}

}  // namespace thanos::bucketstore
