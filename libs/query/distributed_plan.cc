// Which parts of an expression other queriers can evaluate.

#include <algorithm>
#include <array>
#include <set>
#include <utility>

#include "base/strings.h"
#include "promql_parser/parser.h"
#include "promql_parser/printer.h"
#include "query/distributed.h"
#include "query/distributed_internal.h"

namespace thanos::query {
namespace {

using promql_parser::AggregateExpr;
using promql_parser::AggregateOp;
using promql_parser::Expr;
using promql_parser::ExprKind;
using promql_parser::ExprPtr;

// Functions that look at each series by itself and keep its labels apart from the name. histogram_quantile
// joins series that differ in `le` only, which lie in one partition.
constexpr std::array<std::string_view, 55> kPerSeriesFunctions = {"abs",
                                                                  "acos",
                                                                  "acosh",
                                                                  "asin",
                                                                  "asinh",
                                                                  "atan",
                                                                  "atanh",
                                                                  "avg_over_time",
                                                                  "ceil",
                                                                  "changes",
                                                                  "clamp",
                                                                  "clamp_max",
                                                                  "clamp_min",
                                                                  "cos",
                                                                  "cosh",
                                                                  "count_over_time",
                                                                  "day_of_month",
                                                                  "day_of_week",
                                                                  "day_of_year",
                                                                  "days_in_month",
                                                                  "deg",
                                                                  "delta",
                                                                  "deriv",
                                                                  "exp",
                                                                  "floor",
                                                                  "histogram_quantile",
                                                                  "hour",
                                                                  "idelta",
                                                                  "increase",
                                                                  "irate",
                                                                  "last_over_time",
                                                                  "ln",
                                                                  "log10",
                                                                  "log2",
                                                                  "max_over_time",
                                                                  "min_over_time",
                                                                  "minute",
                                                                  "month",
                                                                  "predict_linear",
                                                                  "present_over_time",
                                                                  "quantile_over_time",
                                                                  "rad",
                                                                  "rate",
                                                                  "resets",
                                                                  "round",
                                                                  "sgn",
                                                                  "sin",
                                                                  "sinh",
                                                                  "sqrt",
                                                                  "stddev_over_time",
                                                                  "stdvar_over_time",
                                                                  "sum_over_time",
                                                                  "tan",
                                                                  "tanh",
                                                                  "timestamp"};

bool IsScalarLiteral(const Expr& expr) {
  const Expr& node = promql_parser::Unparen(expr);
  if (const auto* const unary = node.As<promql_parser::UnaryExpr>()) {
    return IsScalarLiteral(*unary->expr);
  }
  return node.kind() == ExprKind::kNumberLiteral;
}

// True when evaluating `expr` in every partition and joining the results is evaluating it over all.
bool IsPerSeries(const Expr& expr) {
  switch (expr.kind()) {
    case ExprKind::kVectorSelector:
    case ExprKind::kMatrixSelector:
      return true;
    case ExprKind::kParen:
      return IsPerSeries(*expr.As<promql_parser::ParenExpr>()->expr);
    case ExprKind::kUnary:
      return IsPerSeries(*expr.As<promql_parser::UnaryExpr>()->expr);
    case ExprKind::kSubquery: {
      // Without a step it would be evaluated at the other querier's default interval.
      const auto& subquery = *expr.As<promql_parser::SubqueryExpr>();
      return subquery.step_ms > 0 && IsPerSeries(*subquery.expr);
    }
    case ExprKind::kBinary: {
      const auto& binary = *expr.As<promql_parser::BinaryExpr>();
      return (IsScalarLiteral(*binary.lhs) && IsPerSeries(*binary.rhs)) ||
             (IsScalarLiteral(*binary.rhs) && IsPerSeries(*binary.lhs));
    }
    case ExprKind::kCall: {
      const auto& call = *expr.As<promql_parser::Call>();
      if (std::ranges::find(kPerSeriesFunctions, call.function.name) == kPerSeriesFunctions.end()) {
        return false;
      }
      int num_series_arguments = 0;
      for (const ExprPtr& argument : call.args) {
        if (IsScalarLiteral(*argument)) {
          continue;
        }
        ++num_series_arguments;
        if (!IsPerSeries(*argument)) {
          return false;
        }
      }
      return num_series_arguments == 1;
    }
    default:
      return false;
  }
}

// The aggregation that joins the results of `op`.
std::optional<AggregateOp> Joining(AggregateOp op) {
  switch (op) {
    case AggregateOp::kSum:
    case AggregateOp::kMin:
    case AggregateOp::kMax:
    case AggregateOp::kGroup:
    case AggregateOp::kTopk:
    case AggregateOp::kBottomk:
      return op;
    case AggregateOp::kCount:
      return AggregateOp::kSum;
    default:
      return std::nullopt;
  }
}

class Planner {
 public:
  Planner(const std::vector<std::string>& partition_labels, DistributedPlan* plan)
      : partition_labels_(partition_labels), plan_(*plan) {}

  // `expr` with the parts replaced by selectors.
  ExprPtr Rewrite(ExprPtr expr) {
    switch (expr->kind()) {
      case ExprKind::kAggregate:
        return RewriteAggregate(std::move(expr));
      case ExprKind::kParen: {
        ExprPtr& inner = expr->As<promql_parser::ParenExpr>()->expr;
        inner = Rewrite(std::move(inner));
        return expr;
      }
      case ExprKind::kUnary: {
        ExprPtr& inner = expr->As<promql_parser::UnaryExpr>()->expr;
        inner = Rewrite(std::move(inner));
        return expr;
      }
      case ExprKind::kBinary: {
        auto& binary = *expr->As<promql_parser::BinaryExpr>();
        binary.lhs = Rewrite(std::move(binary.lhs));
        binary.rhs = Rewrite(std::move(binary.rhs));
        return expr;
      }
      case ExprKind::kCall:
        for (ExprPtr& argument : expr->As<promql_parser::Call>()->args) {
          argument = Rewrite(std::move(argument));
        }
        return expr;
      default:
        // The grid of subqueries is another one.
        return expr;
    }
  }

 private:
  ExprPtr RewriteAggregate(ExprPtr expr) {
    auto& aggregate = *expr->As<AggregateExpr>();
    const bool takes =
        IsPerSeries(*aggregate.expr) && (aggregate.param == nullptr || IsScalarLiteral(*aggregate.param));
    if (takes && aggregate.op == AggregateOp::kAvg) {
      // With parentheses, because of what may stand around it.
      const std::string sum = Join(aggregate, AggregateOp::kSum, AggregateOp::kSum);
      const std::string count = Join(aggregate, AggregateOp::kCount, AggregateOp::kSum);
      return Parsed(base::Concat("(", sum, " / ", count, ")"), std::move(expr));
    }
    if (const auto joining = Joining(aggregate.op); takes && joining.has_value()) {
      return Parsed(Join(aggregate, aggregate.op, *joining), std::move(expr));
    }
    aggregate.expr = Rewrite(std::move(aggregate.expr));
    return expr;
  }

  // Adds the part that computes `op` as `aggregate` says; the text of its joined results.
  std::string Join(const AggregateExpr& aggregate, AggregateOp op, AggregateOp joining) {
    const auto clone = [](const ExprPtr& expr) { return expr == nullptr ? nullptr : Clone(*expr); };
    AggregateExpr part(op, clone(aggregate.expr), clone(aggregate.param));
    part.without = aggregate.without;
    part.grouping = aggregate.grouping;
    for (const std::string& label : partition_labels_) {
      std::erase(part.grouping, label);
      if (!part.without) {
        part.grouping.push_back(label);
      }
    }
    auto selector = std::make_unique<promql_parser::VectorSelector>();
    selector->matchers.push_back(
        labels::Matcher::Equal(std::string(kRemotePartLabel), base::Concat(plan_.parts.size())));
    plan_.parts.push_back({.query = promql_parser::Print(part)});
    AggregateExpr joined(joining, std::move(selector), clone(aggregate.param));
    joined.without = aggregate.without;
    joined.grouping = aggregate.grouping;
    return promql_parser::Print(joined);
  }

  // The tree of `text`, which is our own.
  ExprPtr Parsed(const std::string& text, ExprPtr otherwise) {
    auto parsed = promql_parser::Parse(text, {.enable_experimental = true});
    return parsed.ok() ? *std::move(parsed) : std::move(otherwise);
  }

  const std::vector<std::string>& partition_labels_;
  DistributedPlan& plan_;
};

// The labels of `label_set` that count.
labels::Labels Relevant(const labels::Labels& label_set, const std::vector<std::string>& ignored,
                        const std::vector<std::string>& only) {
  std::vector<labels::LabelView> kept;
  for (const labels::LabelView& label : label_set) {
    const bool wanted = only.empty() || std::ranges::find(only, label.name) != only.end();
    if (wanted && std::ranges::find(ignored, label.name) == ignored.end()) {
      kept.push_back(label);
    }
  }
  return labels::Labels(kept);
}

bool AreApart(const labels::Labels& a, const labels::Labels& b) {
  return std::ranges::any_of(a, [&b](const labels::LabelView& label) {
    return labels::Has(b, label.name) && labels::Get(b, label.name) != label.value;
  });
}

}  // namespace

DistributedPlan PlanDistribution(const Expr& expr, const std::vector<std::string>& partition_labels) {
  DistributedPlan plan;
  plan.expr = Planner(partition_labels, &plan).Rewrite(Clone(expr));
  return plan;
}

std::vector<std::string> PartitionLabels(const std::vector<std::vector<labels::Labels>>& partitions,
                                         const std::vector<std::string>& ignored,
                                         const std::vector<std::string>& only) {
  std::vector<std::vector<labels::Labels>> relevant;
  std::set<std::string> names;
  for (const std::vector<labels::Labels>& partition : partitions) {
    std::set<labels::Labels> unique;
    for (const labels::Labels& label_set : partition) {
      unique.insert(Relevant(label_set, ignored, only));
    }
    if (unique.empty()) {
      return {};
    }
    for (const labels::Labels& label_set : unique) {
      for (const labels::LabelView& label : label_set) {
        names.emplace(label.name);
      }
    }
    relevant.emplace_back(unique.begin(), unique.end());
  }
  for (size_t a = 0; a < relevant.size(); ++a) {
    for (size_t b = a + 1; b < relevant.size(); ++b) {
      for (const labels::Labels& first : relevant[a]) {
        for (const labels::Labels& second : relevant[b]) {
          if (!AreApart(first, second)) {
            return {};
          }
        }
      }
    }
  }
  return {names.begin(), names.end()};
}

}  // namespace thanos::query
