#include "promql/plan.h"

#include <array>
#include <string_view>

#include "base/check.h"
#include "promql/functions/extended.h"

namespace thanos::promql {
namespace {

using promql_parser::AggregateExpr;
using promql_parser::AtModifier;
using promql_parser::Call;
using promql_parser::Expr;
using promql_parser::ExprKind;
using promql_parser::MatrixSelector;
using promql_parser::SubqueryExpr;
using promql_parser::VectorSelector;

// Functions whose value depends on the evaluation time even when their arguments do not.
bool DependsOnEvaluationTime(std::string_view function) {
  constexpr std::array<std::string_view, 11> kFunctions = {
      "days_in_month", "day_of_month", "day_of_week",    "day_of_year", "hour",     "minute",
      "month",         "year",         "predict_linear", "time",        "timestamp"};
  for (const std::string_view name : kFunctions) {
    if (name == function) {
      return true;
    }
  }
  return false;
}

// The innermost function or aggregation around a selector, unless a binary operator comes first.
std::string FunctionAround(const std::vector<const Expr*>& path) {
  for (auto it = path.rbegin(); it != path.rend(); ++it) {
    if (const auto* aggregate = (*it)->As<AggregateExpr>()) {
      return std::string(promql_parser::ToString(aggregate->op));
    }
    if (const auto* call = (*it)->As<Call>()) {
      return std::string(call->function.name);
    }
    if ((*it)->kind() == ExprKind::kBinary) {
      return "";
    }
  }
  return "";
}

}  // namespace

Plan::Plan(const Expr& expr, const PlanOptions& options) : options_(options) {
  Path path;
  Visit(expr, path);
}

const Plan::Node& Plan::Find(const Expr& expr) const {
  const auto it = nodes_.find(&expr);
  TH_CHECK(it != nodes_.end());
  return it->second;
}

std::optional<int64_t> Plan::ResolveAt(const AtModifier& at) const {
  switch (at.kind) {
    case AtModifier::Kind::kNone:
      return std::nullopt;
    case AtModifier::Kind::kTimestamp:
      return at.timestamp_ms;
    case AtModifier::Kind::kStart:
      return options_.grid.start_ms;
    case AtModifier::Kind::kEnd:
      return options_.end_ms;
  }
  return std::nullopt;
}

bool Plan::Visit(const Expr& expr, Path& path) {
  Node node;
  // The times of subqueries are needed by the selectors below them, so they are known before the children are
  // visited.
  if (const auto* subquery = expr.As<SubqueryExpr>()) {
    node.at_ms = ResolveAt(subquery->at);
    nodes_[&expr] = node;
  } else if (const auto* selector = expr.As<VectorSelector>()) {
    node.at_ms = ResolveAt(selector->at);
    nodes_[&expr] = node;
    nodes_[&expr].hints = MakeHints(*selector, path);
    // The second argument of info() is not a selector of its own.
    if (!selector->bypass_empty_matcher_check) {
      selectors_.push_back(selector);
    }
  }
  bool children_invariant = true;
  path.push_back(&expr);
  for (const Expr* child : promql_parser::Children(expr)) {
    children_invariant = Visit(*child, path) && children_invariant;
  }
  path.pop_back();

  bool invariant = children_invariant;
  if (const auto* call = expr.As<Call>()) {
    invariant = children_invariant && !DependsOnEvaluationTime(call->function.name);
  } else if (expr.kind() == ExprKind::kVectorSelector || expr.kind() == ExprKind::kSubquery) {
    invariant = node.at_ms.has_value();
  }
  nodes_[&expr].step_invariant = invariant;
  return invariant;
}

SelectHints Plan::MakeHints(const VectorSelector& selector, const Path& path) const {
  SelectHints hints;
  hints.step_ms = options_.step_ms;
  hints.function = FunctionAround(path);
  if (!path.empty()) {
    if (const auto* aggregate = path.back()->As<AggregateExpr>()) {
      hints.grouping_by = !aggregate->without;
      hints.grouping_labels = aggregate->grouping;
    }
    if (const auto* matrix = path.back()->As<MatrixSelector>()) {
      hints.range_ms = matrix->range_ms;
    }
  }

  int64_t start_ms = options_.grid.start_ms;
  int64_t end_ms = options_.grid.end_ms();
  int64_t subquery_offset_ms = 0;
  int64_t subquery_range_ms = 0;
  for (const Expr* ancestor : path) {
    const auto* subquery = ancestor->As<SubqueryExpr>();
    if (subquery == nullptr) {
      continue;
    }
    hints.step_ms = subquery->step_ms != 0 ? subquery->step_ms : options_.default_subquery_step_ms;
    // A subquery with @ forgets everything around it.
    if (const std::optional<int64_t> at_ms = Find(*subquery).at_ms) {
      start_ms = end_ms = *at_ms;
      subquery_offset_ms = subquery->offset_ms;
      subquery_range_ms = subquery->range_ms;
    } else {
      subquery_offset_ms += subquery->offset_ms;
      subquery_range_ms += subquery->range_ms;
    }
  }
  if (const std::optional<int64_t> at_ms = Find(selector).at_ms) {
    start_ms = end_ms = *at_ms;
  } else {
    start_ms -= subquery_offset_ms + subquery_range_ms;
    end_ms -= subquery_offset_ms;
  }
  // Windows are open on the left, times of hints inclusive.
  start_ms -= (hints.range_ms != 0 ? hints.range_ms : options_.lookback_ms) - 1;
  const bool is_range = hints.range_ms != 0;
  if (selector.window_mode != promql_parser::WindowMode::kPlain) {
    start_ms -= is_range ? options_.lookback_ms : 0;
    end_ms += selector.window_mode == promql_parser::WindowMode::kSmoothed ? options_.lookback_ms : 0;
  } else if (is_range &&
             (hints.function == "xrate" || hints.function == "xincrease" || hints.function == "xdelta")) {
    start_ms -= kExtendedLookbackMs;
  }
  hints.start_ms = start_ms - selector.offset_ms;
  hints.end_ms = end_ms - selector.offset_ms;
  return hints;
}

}  // namespace thanos::promql
