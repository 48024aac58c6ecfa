#pragma once

// Distributed mode: aggregations that can be computed in parts are sent to the queriers below, each of which
// answers for its own external labels, and are put together here. Everything else is read through StoreAPI.

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "base/cancel.h"
#include "base/status.h"
#include "concurrency/thread_pool.h"
#include "fanout/api_provider.h"
#include "fanout/store_provider.h"
#include "promql/engine.h"
#include "promql_parser/ast.h"
#include "query/query_runner.h"
#include "storeapi/store.h"

namespace thanos::query {

// One aggregation taken out of an expression: every partition evaluates `query`, whose series keep the
// partition labels.
struct RemotePart {
  std::string query;
};

struct DistributedPlan {
  // The expression over the parts: {__remote_part__="i"} selects the series of parts[i].
  promql_parser::ExprPtr expr;
  std::vector<RemotePart> parts;
};

// Takes out sum, avg, min, max, count, group, topk and bottomk whose argument reads every series on its own.
// Nothing can be taken out: `parts` is empty. `partition_labels` are sorted.
DistributedPlan PlanDistribution(const promql_parser::Expr& expr,
                                 const std::vector<std::string>& partition_labels);

// The labels that tell partitions apart: for any two label sets of different partitions there is one that
// both have with different values. Empty when that does not hold, so that a sum over partitions could count a
// series twice. Labels in `ignored` do not count; when `only` is not empty, no others do.
std::vector<std::string> PartitionLabels(const std::vector<std::vector<labels::Labels>>& partitions,
                                         const std::vector<std::string>& ignored,
                                         const std::vector<std::string>& only);

struct QueryDistributorOptions {
  // Of external labels, those that tell queriers apart; empty: all but replica labels.
  std::vector<std::string> partition_labels;
};

struct QueryDistributorBackends {
  std::function<std::shared_ptr<const fanout::ApiList>()> engines;
  std::function<std::shared_ptr<const fanout::StoreList>()> stores;
  NarrowStore narrow;  // must not be null
  // Waits for remote queriers; its tasks use nothing of the pools that wait for them.
  concurrency::ThreadPool& pool;
};

// Thread-safe.
class QueryDistributor {
 public:
  QueryDistributor(QueryDistributorOptions options, QueryDistributorBackends backends)
      : options_(std::move(options)), backends_(std::move(backends)) {}

  // As Engine::Query over `store`. A querier that fails is a warning or Aborted, as the query's partial
  // response asks. Queries that cannot be distributed (partitions that overlap, times of fractions of a
  // second, which the service cannot carry) are evaluated here.
  base::StatusOr<promql::Result> Evaluate(const base::CancelToken& cancel, const promql_parser::Expr& expr,
                                          const QueryParameters& parameters, const promql::Engine& engine,
                                          storeapi::Store& store, RequestGate* gate);

 private:
  struct Partition;
  std::vector<Partition> Partitions() const;

  const QueryDistributorOptions options_;
  const QueryDistributorBackends backends_;
};

}  // namespace thanos::query
