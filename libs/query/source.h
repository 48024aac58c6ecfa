#pragma once

// The engine's SeriesSource over a Store: one StoreAPI call per selection, equal label sets joined, samples
// decoded and de-duplicated on demand.

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "promql/series_source.h"
#include "query/request_gate.h"
#include "storeapi/store.h"

namespace thanos::query {

struct SourceOptions {
  // Join the series that differ in replica labels only.
  bool deduplicate = true;
  std::vector<std::string> replica_labels;
  // How the joined ones are merged. False: all samples, one per timestamp ("chain").
  bool penalty = true;
  // Coarsest resolution the answer may be made of; 0 is raw data only.
  int64_t max_resolution_ms = 0;
  storeapi::PartialResponse partial_response = storeapi::PartialResponse::kWarn;
  storeapi::ShardInfo shard;
  std::string tenant;
  std::string request_id;
  int64_t response_batch_size = 256;
};

// The aggregates a selection inside `function` needs, for downsampled data.
std::vector<series::Aggregate> AggregatesFor(std::string_view function);

// The coarsest resolution for a selection of `range_ms` inside `function`: functions that need several
// samples per range get at most half the range.
int64_t ResolutionFor(std::string_view function, int64_t range_ms, int64_t max_resolution_ms);

// Thread-safe. `store` and `gate` must outlive this and its selections; `gate` (may be null) bounds how many
// selections are opened at once. It is not held while series are read: an engine may read several selections
// in turns.
class StoreSource final : public promql::SeriesSource {
 public:
  StoreSource(storeapi::Store& store, SourceOptions options, RequestGate* gate)
      : store_(store), options_(std::move(options)), gate_(gate) {}

  base::StatusOr<std::unique_ptr<promql::SelectedSeries>> Select(const base::CancelToken& cancel,
                                                                 const std::vector<labels::Matcher>& matchers,
                                                                 const promql::SelectHints& hints) override;

 private:
  storeapi::SeriesRequest MakeRequest(const std::vector<labels::Matcher>& matchers,
                                      const promql::SelectHints& hints) const;

  storeapi::Store& store_;
  const SourceOptions options_;
  RequestGate* const gate_;
};

}  // namespace thanos::query
