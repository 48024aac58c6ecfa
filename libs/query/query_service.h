#pragma once

// The querier as storeapi::QueryApi: what its gRPC service thanos.Query evaluates.

#include <string>
#include <vector>

#include "promql/result.h"
#include "query/query_runner.h"
#include "storeapi/query_api.h"

namespace thanos::query {

// What a call that does not say gets.
struct QueryServiceOptions {
  base::Duration timeout = std::chrono::minutes(2);
  std::vector<std::string> replica_labels;
  bool penalty_deduplication = true;
  std::string default_engine = "prometheus";
};

// Thread-safe.
class QueryService final : public storeapi::QueryApi {
 public:
  // `runner` must outlive this.
  QueryService(QueryServiceOptions options, QueryRunner& runner)
      : options_(std::move(options)), runner_(runner) {}
  base::StatusOr<storeapi::QueryApiAnswer> Evaluate(const base::CancelToken& cancel,
                                                    const storeapi::QueryCall& call) override;

 private:
  const QueryServiceOptions options_;
  QueryRunner& runner_;
};

// Unimplemented for strings and native histograms.
base::StatusOr<storeapi::QueryApiAnswer> ToAnswer(promql::Result result);

}  // namespace thanos::query
