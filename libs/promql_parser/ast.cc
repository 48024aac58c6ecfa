#include "promql_parser/ast.h"

#include <algorithm>
#include <bit>
#include <cmath>
#include <tuple>

namespace thanos::promql_parser {
namespace {

int DeepestOf(const std::vector<ExprPtr>& nodes) {
  int depth = 0;
  for (const ExprPtr& node : nodes) {
    depth = std::max(depth, node->depth());
  }
  return depth;
}

bool EqualNumber(double a, double b) {
  return (std::isnan(a) && std::isnan(b)) || std::bit_cast<uint64_t>(a) == std::bit_cast<uint64_t>(b);
}

bool EqualOrNull(const ExprPtr& a, const ExprPtr& b) {
  return a == nullptr || b == nullptr ? a == b : Equal(*a, *b);
}

bool EqualDuration(const DurationExprPtr& a, const DurationExprPtr& b) {
  if (a == nullptr || b == nullptr) {
    return a == b;
  }
  return a->op == b->op && EqualNumber(a->seconds, b->seconds) && EqualDuration(a->lhs, b->lhs) &&
         EqualDuration(a->rhs, b->rhs);
}

// The order of matchers says nothing, and printing changes it.
bool EqualMatchers(const std::vector<labels::Matcher>& a, const std::vector<labels::Matcher>& b) {
  const auto sorted = [](const std::vector<labels::Matcher>& matchers) {
    std::vector<std::tuple<std::string_view, labels::MatchType, std::string_view>> keys;
    for (const labels::Matcher& matcher : matchers) {
      keys.emplace_back(matcher.name(), matcher.type(), matcher.value());
    }
    std::ranges::sort(keys);
    return keys;
  };
  return a == b || sorted(a) == sorted(b);
}

bool EqualSelector(const VectorSelector& a, const VectorSelector& b) {
  return a.name == b.name && EqualMatchers(a.matchers, b.matchers) && a.offset_ms == b.offset_ms &&
         EqualDuration(a.offset_expr, b.offset_expr) && a.at == b.at && a.window_mode == b.window_mode;
}

template <typename T>
std::unique_ptr<T> At(std::unique_ptr<T> node, const Expr& original) {
  node->position = original.position;
  return node;
}

DurationExprPtr CloneDuration(const DurationExprPtr& from) {
  if (from == nullptr) {
    return nullptr;
  }
  auto to = std::make_unique<DurationExpr>();
  to->op = from->op;
  to->seconds = from->seconds;
  to->is_duration = from->is_duration;
  to->parenthesised = from->parenthesised;
  to->lhs = CloneDuration(from->lhs);
  to->rhs = CloneDuration(from->rhs);
  to->position = from->position;
  return to;
}

std::unique_ptr<VectorSelector> CloneSelector(const VectorSelector& from) {
  auto to = std::make_unique<VectorSelector>();
  to->name = from.name;
  to->matchers = from.matchers;
  to->offset_ms = from.offset_ms;
  to->offset_expr = CloneDuration(from.offset_expr);
  to->at = from.at;
  to->window_mode = from.window_mode;
  to->bypass_empty_matcher_check = from.bypass_empty_matcher_check;
  return At(std::move(to), from);
}

ExprPtr CloneBinary(const BinaryExpr& from) {
  auto to = std::make_unique<BinaryExpr>(from.op, Clone(*from.lhs), Clone(*from.rhs));
  to->return_bool = from.return_bool;
  to->matching = from.matching;
  return At(std::move(to), from);
}

ExprPtr CloneAggregate(const AggregateExpr& from) {
  auto to = std::make_unique<AggregateExpr>(from.op, Clone(*from.expr),
                                            from.param == nullptr ? nullptr : Clone(*from.param));
  to->grouping = from.grouping;
  to->without = from.without;
  return At(std::move(to), from);
}

ExprPtr CloneSubquery(const SubqueryExpr& from) {
  auto to = std::make_unique<SubqueryExpr>(Clone(*from.expr), from.range_ms, from.step_ms);
  to->offset_ms = from.offset_ms;
  to->range_expr = CloneDuration(from.range_expr);
  to->step_expr = CloneDuration(from.step_expr);
  to->offset_expr = CloneDuration(from.offset_expr);
  to->at = from.at;
  return At(std::move(to), from);
}

ExprPtr CloneMatrix(const MatrixSelector& from) {
  auto to = std::make_unique<MatrixSelector>(CloneSelector(*from.selector), from.range_ms);
  to->range_expr = CloneDuration(from.range_expr);
  return At(std::move(to), from);
}

ExprPtr CloneCall(const Call& from) {
  std::vector<ExprPtr> arguments;
  arguments.reserve(from.args.size());
  for (const ExprPtr& argument : from.args) {
    arguments.push_back(Clone(*argument));
  }
  return At(std::make_unique<Call>(from.function, std::move(arguments)), from);
}

bool EqualFill(const std::optional<double>& a, const std::optional<double>& b) {
  return a.has_value() == b.has_value() && (!a.has_value() || EqualNumber(*a, *b));
}

bool EqualMatching(const std::optional<VectorMatching>& a, const std::optional<VectorMatching>& b) {
  if (!a.has_value() || !b.has_value()) {
    return a.has_value() == b.has_value();
  }
  return a->cardinality == b->cardinality && a->on == b->on && a->labels == b->labels &&
         a->include == b->include && EqualFill(a->fill_left, b->fill_left) &&
         EqualFill(a->fill_right, b->fill_right);
}

bool EqualBinary(const BinaryExpr& a, const BinaryExpr& b) {
  return a.op == b.op && a.return_bool == b.return_bool && EqualMatching(a.matching, b.matching) &&
         Equal(*a.lhs, *b.lhs) && Equal(*a.rhs, *b.rhs);
}

bool EqualAggregate(const AggregateExpr& a, const AggregateExpr& b) {
  return a.op == b.op && a.without == b.without && a.grouping == b.grouping &&
         EqualOrNull(a.param, b.param) && Equal(*a.expr, *b.expr);
}

bool EqualSubquery(const SubqueryExpr& a, const SubqueryExpr& b) {
  return a.range_ms == b.range_ms && a.step_ms == b.step_ms && a.offset_ms == b.offset_ms && a.at == b.at &&
         EqualDuration(a.range_expr, b.range_expr) && EqualDuration(a.step_expr, b.step_expr) &&
         EqualDuration(a.offset_expr, b.offset_expr) && Equal(*a.expr, *b.expr);
}

bool EqualCall(const Call& a, const Call& b) {
  return &a.function == &b.function &&
         std::ranges::equal(a.args, b.args, [](const ExprPtr& x, const ExprPtr& y) { return Equal(*x, *y); });
}

}  // namespace

std::string_view ToString(BinaryOp op) {
  static constexpr std::string_view kNames[] = {
      "+", "-", "*", "/", "%", "^", "atan2", "==", "!=", "<", "<=", ">", ">=", "and", "or", "unless"};
  return kNames[static_cast<size_t>(op)];
}

bool IsComparison(BinaryOp op) {
  return op >= BinaryOp::kEqual && op <= BinaryOp::kGreaterOrEqual;
}

bool IsSetOperator(BinaryOp op) {
  return op >= BinaryOp::kAnd;
}

std::string_view ToString(AggregateOp op) {
  static constexpr std::string_view kNames[] = {"sum",      "avg",          "min",    "max",        "count",
                                                "group",    "stddev",       "stdvar", "topk",       "bottomk",
                                                "quantile", "count_values", "limitk", "limit_ratio"};
  return kNames[static_cast<size_t>(op)];
}

bool HasParameter(AggregateOp op) {
  return op >= AggregateOp::kTopk;
}

BinaryExpr::BinaryExpr(BinaryOp operation, ExprPtr left, ExprPtr right)
    : Expr(kKind,
           left->type() == ValueType::kScalar && right->type() == ValueType::kScalar ? ValueType::kScalar
                                                                                     : ValueType::kVector,
           std::max(left->depth(), right->depth()) + 1),
      op(operation),
      lhs(std::move(left)),
      rhs(std::move(right)) {}

AggregateExpr::AggregateExpr(AggregateOp operation, ExprPtr inner, ExprPtr parameter)
    : Expr(kKind, ValueType::kVector,
           std::max(inner->depth(), parameter == nullptr ? 0 : parameter->depth()) + 1),
      op(operation),
      expr(std::move(inner)),
      param(std::move(parameter)) {}

Call::Call(const FunctionSpec& function_spec, std::vector<ExprPtr> arguments)
    : Expr(kKind, function_spec.result, DeepestOf(arguments) + 1),
      function(function_spec),
      args(std::move(arguments)) {}

const Expr& Unparen(const Expr& expr) {
  const Expr* inner = &expr;
  while (const auto* paren = inner->As<ParenExpr>()) {
    inner = paren->expr.get();
  }
  return *inner;
}

std::vector<const Expr*> Children(const Expr& expr) {
  switch (expr.kind()) {
    case ExprKind::kNumberLiteral:
    case ExprKind::kStringLiteral:
    case ExprKind::kVectorSelector:
      return {};
    case ExprKind::kMatrixSelector:
      return {expr.As<MatrixSelector>()->selector.get()};
    case ExprKind::kSubquery:
      return {expr.As<SubqueryExpr>()->expr.get()};
    case ExprKind::kUnary:
      return {expr.As<UnaryExpr>()->expr.get()};
    case ExprKind::kParen:
      return {expr.As<ParenExpr>()->expr.get()};
    case ExprKind::kBinary:
      return {expr.As<BinaryExpr>()->lhs.get(), expr.As<BinaryExpr>()->rhs.get()};
    case ExprKind::kAggregate: {
      const auto& aggregate = *expr.As<AggregateExpr>();
      if (aggregate.param == nullptr) {
        return {aggregate.expr.get()};
      }
      return {aggregate.expr.get(), aggregate.param.get()};
    }
    case ExprKind::kCall: {
      std::vector<const Expr*> children;
      for (const ExprPtr& argument : expr.As<Call>()->args) {
        children.push_back(argument.get());
      }
      return children;
    }
  }
  return {};
}

void ForEachSelector(Expr& expr, const std::function<void(VectorSelector&)>& visit) {
  if (auto* selector = expr.As<VectorSelector>()) {
    visit(*selector);
    return;
  }
  for (const Expr* child : Children(expr)) {
    // The tree belongs to the caller, who may change it; Children() only borrows.
    ForEachSelector(const_cast<Expr&>(*child), visit);
  }
}

bool Equal(const Expr& a, const Expr& b) {
  if (a.kind() != b.kind()) {
    return false;
  }
  switch (a.kind()) {
    case ExprKind::kNumberLiteral:
      return EqualNumber(a.As<NumberLiteral>()->value, b.As<NumberLiteral>()->value);
    case ExprKind::kStringLiteral:
      return a.As<StringLiteral>()->value == b.As<StringLiteral>()->value;
    case ExprKind::kVectorSelector:
      return EqualSelector(*a.As<VectorSelector>(), *b.As<VectorSelector>());
    case ExprKind::kMatrixSelector:
      return a.As<MatrixSelector>()->range_ms == b.As<MatrixSelector>()->range_ms &&
             EqualDuration(a.As<MatrixSelector>()->range_expr, b.As<MatrixSelector>()->range_expr) &&
             EqualSelector(*a.As<MatrixSelector>()->selector, *b.As<MatrixSelector>()->selector);
    case ExprKind::kSubquery:
      return EqualSubquery(*a.As<SubqueryExpr>(), *b.As<SubqueryExpr>());
    case ExprKind::kUnary:
      return a.As<UnaryExpr>()->minus == b.As<UnaryExpr>()->minus &&
             Equal(*a.As<UnaryExpr>()->expr, *b.As<UnaryExpr>()->expr);
    case ExprKind::kBinary:
      return EqualBinary(*a.As<BinaryExpr>(), *b.As<BinaryExpr>());
    case ExprKind::kAggregate:
      return EqualAggregate(*a.As<AggregateExpr>(), *b.As<AggregateExpr>());
    case ExprKind::kCall:
      return EqualCall(*a.As<Call>(), *b.As<Call>());
    case ExprKind::kParen:
      return Equal(*a.As<ParenExpr>()->expr, *b.As<ParenExpr>()->expr);
  }
  return false;
}

ExprPtr Clone(const Expr& expr) {
  switch (expr.kind()) {
    case ExprKind::kNumberLiteral:
      return At(std::make_unique<NumberLiteral>(expr.As<NumberLiteral>()->value,
                                                expr.As<NumberLiteral>()->duration),
                expr);
    case ExprKind::kStringLiteral:
      return At(std::make_unique<StringLiteral>(expr.As<StringLiteral>()->value), expr);
    case ExprKind::kVectorSelector:
      return CloneSelector(*expr.As<VectorSelector>());
    case ExprKind::kMatrixSelector:
      return CloneMatrix(*expr.As<MatrixSelector>());
    case ExprKind::kSubquery:
      return CloneSubquery(*expr.As<SubqueryExpr>());
    case ExprKind::kUnary:
      return At(std::make_unique<UnaryExpr>(expr.As<UnaryExpr>()->minus, Clone(*expr.As<UnaryExpr>()->expr)),
                expr);
    case ExprKind::kBinary:
      return CloneBinary(*expr.As<BinaryExpr>());
    case ExprKind::kAggregate:
      return CloneAggregate(*expr.As<AggregateExpr>());
    case ExprKind::kCall:
      return CloneCall(*expr.As<Call>());
    case ExprKind::kParen:
      break;
  }
  return At(std::make_unique<ParenExpr>(Clone(*expr.As<ParenExpr>()->expr)), expr);
}

}  // namespace thanos::promql_parser
