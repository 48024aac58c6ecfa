// Evaluation of duration expressions.

#include <cmath>

#include "promql_parser/ast.h"

namespace thanos::promql_parser {
namespace {

struct QueryTimes {
  double step_seconds = 0;
  double range_seconds = 0;
};

constexpr double kMaxSeconds = 9223372036854775808.0 / 1e9;

// Prometheus names both ends of the expression, counted in bytes from 0.
template <typename... Parts>
base::Status ErrorAt(const DurationExpr& expr, const Parts&... parts) {
  return base::InvalidArgument(expr.position.start, ":", expr.position.end, ": ", parts...);
}

base::StatusOr<double> Evaluate(const DurationExpr& expr, const QueryTimes& times) {
  double left = 0;
  double right = 0;
  if (expr.lhs != nullptr) {
    TH_ASSIGN_OR_RETURN(left, Evaluate(*expr.lhs, times));
  }
  if (expr.rhs != nullptr) {
    TH_ASSIGN_OR_RETURN(right, Evaluate(*expr.rhs, times));
  }
  switch (expr.op) {
    case DurationExpr::Op::kNumber:
      return expr.seconds;
    case DurationExpr::Op::kAdd:
      return left + right;
    case DurationExpr::Op::kSub:
      return left - right;
    case DurationExpr::Op::kMul:
      return left * right;
    case DurationExpr::Op::kDiv:
      if (right == 0) {
        return ErrorAt(expr, "division by zero");
      }
      return left / right;
    case DurationExpr::Op::kMod:
      if (right == 0) {
        return ErrorAt(expr, "modulo by zero");
      }
      return std::fmod(left, right);
    case DurationExpr::Op::kPow:
      return std::pow(left, right);
    case DurationExpr::Op::kNegate:
      return -right;
    case DurationExpr::Op::kStep:
      return times.step_seconds;
    case DurationExpr::Op::kRange:
      return times.range_seconds;
    // Without NaN: numbers and durations are finite, and what arithmetic makes of them is checked at the end.
    case DurationExpr::Op::kMin:
      return std::isnan(left) ? left : std::fmin(left, right);
    case DurationExpr::Op::kMax:
      return std::isnan(left) ? left : std::fmax(left, right);
  }
  return base::Internal("unknown duration operator");
}

base::Status Resolve(const DurationExprPtr& expr, const QueryTimes& times, bool positive, int64_t* out_ms) {
  if (expr == nullptr) {
    return base::OkStatus();
  }
  TH_ASSIGN_OR_RETURN(const double seconds, Evaluate(*expr, times));
  if (!std::isfinite(seconds)) {
    return ErrorAt(*expr, "duration is NaN or infinite");
  }
  if (positive && seconds <= 0) {
    return ErrorAt(*expr, "duration must be greater than 0");
  }
  if (std::fabs(seconds) > kMaxSeconds) {
    return ErrorAt(*expr, "duration is out of range");
  }
  *out_ms = static_cast<int64_t>(seconds * 1000);
  if (positive && *out_ms == 0) {
    return ErrorAt(*expr, "duration must be at least one millisecond");
  }
  return base::OkStatus();
}

base::Status ResolveTree(Expr& expr, const QueryTimes& times) {
  if (auto* selector = expr.As<VectorSelector>()) {
    return Resolve(selector->offset_expr, times, false, &selector->offset_ms);
  }
  if (auto* matrix = expr.As<MatrixSelector>()) {
    TH_RETURN_IF_ERROR(Resolve(matrix->range_expr, times, true, &matrix->range_ms));
  } else if (auto* subquery = expr.As<SubqueryExpr>()) {
    TH_RETURN_IF_ERROR(Resolve(subquery->offset_expr, times, false, &subquery->offset_ms));
    TH_RETURN_IF_ERROR(Resolve(subquery->step_expr, times, true, &subquery->step_ms));
    TH_RETURN_IF_ERROR(Resolve(subquery->range_expr, times, true, &subquery->range_ms));
  }
  for (const Expr* child : Children(expr)) {
    // The tree belongs to the caller, who lets it be changed; Children() only borrows.
    TH_RETURN_IF_ERROR(ResolveTree(const_cast<Expr&>(*child), times));
  }
  return base::OkStatus();
}

}  // namespace

base::Status ResolveDurations(Expr& root, int64_t step_ms, int64_t range_ms) {
  return ResolveTree(root, {.step_seconds = static_cast<double>(step_ms) / 1000,
                            .range_seconds = static_cast<double>(range_ms) / 1000});
}

bool HasDurationExpressions(const Expr& root) {
  if (const auto* selector = root.As<VectorSelector>()) {
    return selector->offset_expr != nullptr;
  }
  if (const auto* matrix = root.As<MatrixSelector>(); matrix != nullptr && matrix->range_expr != nullptr) {
    return true;
  }
  if (const auto* subquery = root.As<SubqueryExpr>();
      subquery != nullptr && (subquery->range_expr != nullptr || subquery->step_expr != nullptr ||
                              subquery->offset_expr != nullptr)) {
    return true;
  }
  for (const Expr* child : Children(root)) {
    if (HasDurationExpressions(*child)) {
      return true;
    }
  }
  return false;
}

}  // namespace thanos::promql_parser
