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
#include "promql_parser/parser.h"

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
  // Further switches, each off by default; the names are those of Prometheus' --enable-feature.
  bool enable_x_functions = false;               // xrate, xincrease, xdelta
  bool enable_duration_expressions = false;      // promql-duration-expr
  bool enable_extended_range_selectors = false;  // promql-extended-range-selectors
  bool enable_fill_modifiers = false;            // promql-binop-fill-modifiers
  // promql-delayed-name-removal: names of series go at the end of the query, so that label_replace and
  // label_join may still read or keep them.
  bool delayed_name_removal = false;
  // type-and-unit-labels: whether a counter is meant is told by __type__, not by the metric's name.
  bool type_and_unit_labels = false;
  // promql-per-step-stats: QueryStats::samples_per_step.
  bool per_step_stats = false;
  // Infos apart from warnings, both with positions, as Prometheus answers; off, all are warnings without
  // position as Thanos answers.
  bool separate_infos = false;
  // Decoding and folding run here; null evaluates everything on the calling thread.
  concurrency::ThreadPool* cpu_pool = nullptr;
  // Shards of a scan; 0 takes one per thread of the pool. Equal values give bit-equal answers.
  int num_shards = 0;
};

// Switches on what a name of --enable-feature stands for. False: the engine has no such feature.
bool EnableFeature(std::string_view feature, EngineOptions* options);

// Times are inclusive milliseconds. An instant query has start_ms == end_ms and a zero step.
struct QueryOptions {
  int64_t start_ms = 0;
  int64_t end_ms = 0;
  int64_t step_ms = 0;
  bool instant = false;
  // 0 takes the engine's.
  int64_t lookback_ms = 0;
  // The text the expression was parsed from: positions of annotations are told from it. Must outlive the
  // query.
  std::string_view text = {};
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
  // How texts for this engine are to be parsed.
  promql_parser::ParserOptions parser_options() const;

 private:
  // Query() after its arguments were checked; `expr` has no duration expressions left to resolve.
  base::StatusOr<Result> Run(const base::CancelToken& cancel, const promql_parser::Expr& expr,
                             const QueryOptions& query, SeriesSource& source) const;

  EngineOptions options_;
};

}  // namespace thanos::promql
