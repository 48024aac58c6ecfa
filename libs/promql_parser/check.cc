// The rules beyond the grammar, in the order Prometheus checks them: the first violation found is the one
// reported.

#include <algorithm>

#include "promql_parser/internal/parser_state.h"

namespace thanos::promql_parser::internal {
namespace {

class Checker {
 public:
  explicit Checker(std::string_view query) : query_(query) {}

  base::Status Check(Expr& expr);

 private:
  template <typename... Parts>
  base::Status ErrorAt(int position, const Parts&... parts) const {
    return ParseErrorAt(query_, position, base::Concat(parts...));
  }
  base::Status Expect(Expr& expr, ValueType want, std::string_view context);
  base::Status CheckAggregate(AggregateExpr& aggregate);
  base::Status CheckBinary(BinaryExpr& binary);
  base::Status CheckOperator(const BinaryExpr& binary, int operator_position);
  base::Status CheckMatching(BinaryExpr& binary);
  base::Status CheckCall(Call& call);
  base::Status CheckArgumentCount(const Call& call);
  base::Status CheckInfoSelector(Call& call);
  base::Status CheckSelector(const VectorSelector& selector);
  // Where the operator begins: after the left side and white space.
  int OperatorPosition(const BinaryExpr& binary) const;

  std::string_view query_;
};

bool IsScalarOrVector(ValueType type) {
  return type == ValueType::kScalar || type == ValueType::kVector;
}

bool HasFill(const VectorMatching& matching) {
  return matching.fill_left.has_value() || matching.fill_right.has_value();
}

base::Status Checker::Check(Expr& expr) {
  switch (expr.kind()) {
    case ExprKind::kNumberLiteral:
    case ExprKind::kStringLiteral:
      return base::OkStatus();
    case ExprKind::kVectorSelector:
      return CheckSelector(*expr.As<VectorSelector>());
    case ExprKind::kMatrixSelector:
      return CheckSelector(*expr.As<MatrixSelector>()->selector);
    case ExprKind::kParen:
      return Check(*expr.As<ParenExpr>()->expr);
    case ExprKind::kAggregate:
      return CheckAggregate(*expr.As<AggregateExpr>());
    case ExprKind::kBinary:
      return CheckBinary(*expr.As<BinaryExpr>());
    case ExprKind::kCall:
      return CheckCall(*expr.As<Call>());
    case ExprKind::kUnary: {
      Expr& inner = *expr.As<UnaryExpr>()->expr;
      TH_RETURN_IF_ERROR(Check(inner));
      if (!IsScalarOrVector(inner.type())) {
        return ErrorAt(expr.position.start,
                       "unary expression only allowed on expressions of type scalar or instant vector, got ",
                       base::Quote(Documented(inner.type())));
      }
      return base::OkStatus();
    }
    case ExprKind::kSubquery: {
      Expr& inner = *expr.As<SubqueryExpr>()->expr;
      TH_RETURN_IF_ERROR(Check(inner));
      if (inner.type() != ValueType::kVector) {
        return ErrorAt(expr.position.start, "subquery is only allowed on instant vector, got ",
                       ToString(inner.type()), " instead");
      }
      return base::OkStatus();
    }
  }
  return base::OkStatus();
}

base::Status Checker::Expect(Expr& expr, ValueType want, std::string_view context) {
  TH_RETURN_IF_ERROR(Check(expr));
  if (expr.type() != want) {
    return ErrorAt(expr.position.start, "expected type ", Documented(want), " in ", context, ", got ",
                   Documented(expr.type()));
  }
  return base::OkStatus();
}

base::Status Checker::CheckAggregate(AggregateExpr& aggregate) {
  TH_RETURN_IF_ERROR(Expect(*aggregate.expr, ValueType::kVector, "aggregation expression"));
  if (aggregate.param == nullptr) {
    return base::OkStatus();
  }
  const ValueType want = aggregate.op == AggregateOp::kCountValues ? ValueType::kString : ValueType::kScalar;
  return Expect(*aggregate.param, want, "aggregation parameter");
}

int Checker::OperatorPosition(const BinaryExpr& binary) const {
  auto position = static_cast<size_t>(binary.lhs->position.end);
  while (position < query_.size() &&
         std::string_view(" \t\r\n").find(query_[position]) != std::string_view::npos) {
    ++position;
  }
  return static_cast<int>(position);
}

base::Status Checker::CheckBinary(BinaryExpr& binary) {
  TH_RETURN_IF_ERROR(Check(*binary.lhs));
  TH_RETURN_IF_ERROR(Check(*binary.rhs));
  TH_RETURN_IF_ERROR(CheckOperator(binary, OperatorPosition(binary)));
  for (const Expr* side : {binary.lhs.get(), binary.rhs.get()}) {
    if (!IsScalarOrVector(side->type())) {
      return ErrorAt(side->position.start,
                     "binary expression must contain only scalar and instant vector types");
    }
  }
  return CheckMatching(binary);
}

base::Status Checker::CheckOperator(const BinaryExpr& binary, int operator_position) {
  if (binary.return_bool && !IsComparison(binary.op)) {
    return ErrorAt(operator_position, "bool modifier can only be used on comparison operators");
  }
  const bool scalars = binary.lhs->type() == ValueType::kScalar && binary.rhs->type() == ValueType::kScalar;
  if (IsComparison(binary.op) && !binary.return_bool && scalars) {
    return ErrorAt(operator_position, "comparisons between scalars must use BOOL modifier");
  }
  if (binary.matching->on) {
    for (const std::string& label : binary.matching->labels) {
      if (std::ranges::find(binary.matching->include, label) != binary.matching->include.end()) {
        return ErrorAt(operator_position, "label ", base::Quote(label),
                       " must not occur in ON and GROUP clause at once");
      }
    }
  }
  return base::OkStatus();
}

base::Status Checker::CheckMatching(BinaryExpr& binary) {
  const bool scalar = binary.lhs->type() == ValueType::kScalar || binary.rhs->type() == ValueType::kScalar;
  const int start = binary.position.start;
  if (scalar) {
    if (!binary.matching->labels.empty()) {
      return ErrorAt(start, "vector matching only allowed between instant vectors");
    }
    if (HasFill(*binary.matching)) {
      return ErrorAt(start, "filling in missing series only allowed between instant vectors");
    }
    if (IsSetOperator(binary.op)) {
      return ErrorAt(start, "set operator ", base::Quote(ToString(binary.op)),
                     " not allowed in binary scalar expression");
    }
    binary.matching.reset();
    return base::OkStatus();
  }
  if (IsSetOperator(binary.op)) {
    if (binary.matching->cardinality != MatchCardinality::kOneToOne) {
      return ErrorAt(start, "no grouping allowed for ", base::Quote(ToString(binary.op)), " operation");
    }
    if (HasFill(*binary.matching)) {
      return ErrorAt(start, "filling in missing series not allowed for set operators");
    }
    binary.matching->cardinality = MatchCardinality::kManyToMany;
  }
  return base::OkStatus();
}

base::Status Checker::CheckArgumentCount(const Call& call) {
  const int count = static_cast<int>(call.args.size());
  const int least = call.function.min_arguments();
  const int most = call.function.max_arguments();
  std::string_view bound;
  int wanted = least;
  if (call.function.variadic == 0 && count != least) {
    bound = "";
  } else if (count < least) {
    bound = "at least ";
  } else if (most >= 0 && count > most) {
    bound = "at most ";
    wanted = most;
  } else {
    return base::OkStatus();
  }
  return ErrorAt(call.position.start, "expected ", bound, wanted, " argument(s) in call to ",
                 base::Quote(call.function.name), ", got ", count);
}

base::Status Checker::CheckInfoSelector(Call& call) {
  Expr& argument = *call.args[1];
  if (argument.type() != ValueType::kVector) {
    return ErrorAt(call.position.start, "expected type instant vector in call to function \"info\", got ",
                   Documented(argument.type()));
  }
  auto* selector = argument.As<VectorSelector>();
  if (selector == nullptr) {
    return ErrorAt(argument.position.start, "expected label selectors only");
  }
  if (!selector->name.empty()) {
    return ErrorAt(argument.position.start, "expected label selectors only, got vector selector instead");
  }
  selector->bypass_empty_matcher_check = true;
  return base::OkStatus();
}

base::Status Checker::CheckCall(Call& call) {
  TH_RETURN_IF_ERROR(CheckArgumentCount(call));
  if (call.function.name == "info" && call.args.size() > 1) {
    TH_RETURN_IF_ERROR(CheckInfoSelector(call));
  }
  for (size_t i = 0; i < call.args.size(); ++i) {
    const ValueType want = call.function.arguments[std::min(i, call.function.arguments.size() - 1)];
    Expr& argument = *call.args[i];
    TH_RETURN_IF_ERROR(Check(argument));
    if (argument.type() != want) {
      return ErrorAt(argument.position.start, "expected type ", Documented(want), " in call to function ",
                     base::Quote(call.function.name), ", got ", Documented(argument.type()));
    }
  }
  return base::OkStatus();
}

base::Status Checker::CheckSelector(const VectorSelector& selector) {
  if (!selector.name.empty()) {
    for (size_t i = 0; i + 1 < selector.matchers.size(); ++i) {
      if (selector.matchers[i].name() == labels::kMetricName) {
        return ErrorAt(selector.position.start,
                       "metric name must not be set twice: ", base::Quote(selector.name), " or ",
                       base::Quote(selector.matchers[i].value()));
      }
    }
    return base::OkStatus();
  }
  const bool selective = std::ranges::any_of(
      selector.matchers, [](const labels::Matcher& matcher) { return !matcher.MatchesEmpty(); });
  if (!selective && !selector.bypass_empty_matcher_check) {
    return ErrorAt(selector.position.start, "vector selector must contain at least one non-empty matcher");
  }
  return base::OkStatus();
}

}  // namespace

base::Status CheckTree(std::string_view query, Expr& root) {
  return Checker(query).Check(root);
}

}  // namespace thanos::promql_parser::internal
