#include "compact/internal/block_check.h"

#include <algorithm>

#include "base/strings.h"

namespace thanos::compact::internal {
namespace {

struct Totals {
  uint64_t num_samples = 0;
  uint64_t num_chunks = 0;
  uint64_t num_duplicates = 0;
};

Totals TotalsOf(const std::vector<MetaPtr>& inputs) {
  Totals totals;
  for (const MetaPtr& meta : inputs) {
    totals.num_samples += meta->stats.num_samples;
    totals.num_chunks += meta->stats.num_chunks;
  }
  return totals;
}

base::StatusOr<Totals> CountTotals(const base::CancelToken& cancel,
                                   const std::vector<std::string>& directories,
                                   concurrency::ThreadPool* pool) {
  Totals totals;
  for (const std::string& directory : directories) {
    TH_ASSIGN_OR_RETURN(const BlockHealth health, VerifyBlock(cancel, directory, {.pool = pool}));
    totals.num_samples += health.num_samples;
    totals.num_chunks += health.num_chunks;
    totals.num_duplicates += health.duplicated_chunks;
  }
  return totals;
}

}  // namespace

BlockVerdict Judge(const BlockHealth& health, bool accept_malformed_index) {
  if (const base::Status status = health.Damage(); !status.ok()) {
    return {Fitness::kDamaged, status};
  }
  if (const base::Status status = health.Critical(); !status.ok()) {
    return {Fitness::kUnfit, status};
  }
  if (const base::Status status = health.OutOfOrderChunks(); !status.ok()) {
    return {Fitness::kOutOfOrder, status};
  }
  if (const base::Status status = health.Issue347(); !status.ok()) {
    return {Fitness::kRepairable, status};
  }
  if (const base::Status status = health.OutOfOrderLabels(); !status.ok() && !accept_malformed_index) {
    return {Fitness::kUnfit,
            base::Annotate(status,
                           "block with malformed index, try running with --debug.accept-malformed-index")};
  }
  return {};
}

base::Status CheckMerged(const base::CancelToken& cancel, const std::string& directory,
                         const MergeResult& result, const std::vector<MetaPtr>& inputs,
                         const std::vector<std::string>& input_dirs, bool copied,
                         concurrency::ThreadPool* pool) {
  const std::string id = result.meta.ulid.ToString();
  TH_ASSIGN_OR_RETURN(const BlockHealth health, VerifyBlock(cancel, directory, {.pool = pool}));
  if (const base::Status status = health.Any(); !status.ok()) {
    return base::DataLoss("invalid result block ", id, ": ", base::Message(status));
  }
  int64_t min_time_ms = result.meta.max_time_ms;
  int64_t max_time_ms = result.meta.min_time_ms;
  for (const MetaPtr& meta : inputs) {
    min_time_ms = std::min(min_time_ms, meta->min_time_ms);
    max_time_ms = std::max(max_time_ms, meta->max_time_ms);
    const auto& sources = result.meta.compaction.sources;
    for (const model::Ulid& source : meta->compaction.sources) {
      if (std::find(sources.begin(), sources.end(), source) == sources.end()) {
        return base::DataLoss("result block ", id, " does not name its source ", source.ToString());
      }
    }
  }
  if (min_time_ms != result.meta.min_time_ms || max_time_ms != result.meta.max_time_ms) {
    return base::DataLoss("result block ", id, " has the time range [", result.meta.min_time_ms, ", ",
                          result.meta.max_time_ms, ") instead of [", min_time_ms, ", ", max_time_ms, ")");
  }
  const bool raw = result.meta.resolution_ms() == 0;
  Totals wanted = TotalsOf(inputs);
  const auto equal = [&] {
    return health.num_chunks == wanted.num_chunks && (!raw || health.num_samples == wanted.num_samples);
  };
  if (copied && equal()) {
    return base::OkStatus();
  }
  if (copied || health.num_samples > wanted.num_samples) {
    // Statistics of the inputs may be wrong or missing: count.
    TH_ASSIGN_OR_RETURN(wanted, CountTotals(cancel, input_dirs, pool));
  }
  // Equal chunks of a series are kept once.
  const bool fewer_is_explained = !copied || wanted.num_duplicates > 0;
  if ((copied && equal()) ||
      (fewer_is_explained && health.num_samples <= wanted.num_samples && health.num_samples > 0)) {
    return base::OkStatus();
  }
  return base::DataLoss("result block ", id, " has ", health.num_samples, " samples in ", health.num_chunks,
                        " chunks, its sources ", wanted.num_samples, " in ", wanted.num_chunks);
}

}  // namespace thanos::compact::internal
