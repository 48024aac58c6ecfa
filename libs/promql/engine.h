#pragma once

// Evaluates PromQL expressions over a SeriesSource with the semantics of Prometheus 3.5.

#include <cstdint>
#include <memory>
#include <string_view>

#include "base/cancel.h"
#include "base/status.h"
#include "concurrency/thread_pool.h"
#include "promql/result.h"
#include "promql/series_source.h"
#include "promql_parser/ast.h"

namespace thanos::promql {

struct EngineOptions {
  // Most samples (8-byte values of intermediate results and decoded windows) one query may hold at once.
  int64_t max_samples = 50'000'000;
  // Longest run of one query; 0 leaves the deadline to the caller's token.
  base::Duration timeout = std::chrono::minutes(2);
  int64_t lookback_ms = 5 * 60 * 1000;
  // Step of subqueries that name none.
  int64_t default_subquery_step_ms = 60 * 1000;
  bool enable_experimental = false;
  // Decoding and folding run here; null evaluates everything on the calling thread.
  concurrency::ThreadPool* cpu_pool = nullptr;
  // Shards of a scan; 0 takes one per thread of the pool. Equal values give bit-equal answers.
  int num_shards = 0;
};

// Times are inclusive milliseconds. An instant query has start_ms == end_ms and a zero step.
struct QueryOptions {
  int64_t start_ms = 0;
  int64_t end_ms = 0;
  int64_t step_ms = 0;
  bool instant = false;
  // 0 takes the engine's.
  int64_t lookback_ms = 0;
};

// Thread-safe. Must outlive its queries; the pool must outlive the engine.
class Engine {
 public:
  explicit Engine(const EngineOptions& options) : options_(options) {}

  // Evaluates `expr`, which the parser has type-checked. Instant queries return the type of the expression,
  // range queries a Matrix. Blocks until done; not to be called on a thread of the cpu pool.
  // FailedPrecondition: the expression cannot be executed on this data (many-to-many matching, equal label
  // sets, ...). Unimplemented: a function or sample type that is not supported yet. InvalidArgument: a range
  // query of a string or range vector. ResourceExhausted: a limit. DeadlineExceeded, Cancelled: the token or
  // the timeout. Else the status of the source.
  base::StatusOr<Result> Query(const base::CancelToken& cancel, const promql_parser::Expr& expr,
                               const QueryOptions& query, SeriesSource& source) const;
  // As above for text; InvalidArgument with position when it does not parse.
  base::StatusOr<Result> Query(const base::CancelToken& cancel, std::string_view text,
                               const QueryOptions& query, SeriesSource& source) const;

  const EngineOptions& options() const { return options_; }

 private:
  EngineOptions options_;
};

}  // namespace thanos::promql
