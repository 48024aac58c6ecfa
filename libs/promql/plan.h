#pragma once

// What is known about an expression before it runs: resolved @ times, parts that do not change from step to
// step, and the time range and hints of every selector.

#include <cstdint>
#include <optional>
#include <unordered_map>
#include <vector>

#include "promql/series_source.h"
#include "promql/step_grid.h"
#include "promql_parser/ast.h"

namespace thanos::promql {

struct PlanOptions {
  StepGrid grid;        // of the whole query
  int64_t step_ms = 0;  // 0 for instant queries
  int64_t end_ms = 0;   // what @ end() means; may lie after the last step
  int64_t lookback_ms = 0;
  int64_t default_subquery_step_ms = 0;
};

// Views nodes of the expression, which must outlive it. Immutable after construction.
class Plan {
 public:
  Plan(const promql_parser::Expr& expr, const PlanOptions& options);

  // True when the value of `expr` is the same at every step of any grid: evaluate once, repeat.
  bool IsStepInvariant(const promql_parser::Expr& expr) const { return Find(expr).step_invariant; }
  // Milliseconds, of a vector selector or subquery with @; start() and end() are those of the whole query.
  std::optional<int64_t> AtMs(const promql_parser::Expr& expr) const { return Find(expr).at_ms; }
  // The selectors that are read, in the order of the text.
  const std::vector<const promql_parser::VectorSelector*>& selectors() const { return selectors_; }
  // Of a vector selector.
  const SelectHints& HintsOf(const promql_parser::VectorSelector& selector) const {
    return Find(selector).hints;
  }

 private:
  struct Node {
    bool step_invariant = false;
    std::optional<int64_t> at_ms;
    SelectHints hints;
  };
  using Path = std::vector<const promql_parser::Expr*>;

  const Node& Find(const promql_parser::Expr& expr) const;
  // Returns whether `expr` is step invariant. `path` holds the ancestors, outermost first.
  bool Visit(const promql_parser::Expr& expr, Path& path);
  std::optional<int64_t> ResolveAt(const promql_parser::AtModifier& at) const;
  SelectHints MakeHints(const promql_parser::VectorSelector& selector, const Path& path) const;

  PlanOptions options_;
  std::vector<const promql_parser::VectorSelector*> selectors_;
  std::unordered_map<const promql_parser::Expr*, Node> nodes_;
};

}  // namespace thanos::promql
