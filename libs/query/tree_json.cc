// The JSON of a syntax tree, with the names Prometheus' parse_query uses; keys in alphabetical order.

#include "promapi/encode.h"
#include "promql_parser/printer.h"
#include "query/http_api_internal.h"

namespace thanos::query {
namespace {

using promql_parser::Expr;
using promql_parser::ExprKind;

void AppendTree(std::string& out, const Expr& expr);

void AppendMember(std::string& out, std::string_view name) {
  base::Append(out, "\"", name, "\":");
}

void AppendText(std::string& out, std::string_view name, std::string_view value) {
  AppendMember(out, name);
  promapi::AppendJsonString(out, value);
}

void AppendTexts(std::string& out, std::string_view name, const std::vector<std::string>& values) {
  AppendMember(out, name);
  promapi::AppendJsonStrings(out, values);
}

void AppendChild(std::string& out, std::string_view name, const Expr* child) {
  AppendMember(out, name);
  if (child == nullptr) {
    out += "null";
  } else {
    AppendTree(out, *child);
  }
}

void AppendMatchers(std::string& out, const std::vector<labels::Matcher>& matchers) {
  out += "\"matchers\":[";
  for (size_t i = 0; i < matchers.size(); ++i) {
    out += i == 0 ? "{" : ",{";
    AppendText(out, "name", matchers[i].name());
    out += ',';
    AppendText(out, "type", labels::ToString(matchers[i].type()));
    out += ',';
    AppendText(out, "value", matchers[i].value());
    out += '}';
  }
  out += ']';
}

std::string StartOrEnd(const promql_parser::AtModifier& at) {
  switch (at.kind) {
    case promql_parser::AtModifier::Kind::kStart:
      return "\"start\"";
    case promql_parser::AtModifier::Kind::kEnd:
      return "\"end\"";
    default:
      return "null";
  }
}

std::string Timestamp(const promql_parser::AtModifier& at) {
  return at.kind == promql_parser::AtModifier::Kind::kTimestamp ? base::Concat(at.timestamp_ms) : "null";
}

std::string_view ToString(promql_parser::DurationExpr::Op op) {
  static constexpr std::string_view kNames[] = {"",  "+", "-",    "*",     "/",      "%",
                                                "^", "-", "step", "range", "min_of", "max_of"};
  return kNames[static_cast<size_t>(op)];
}

void AppendDuration(std::string& out, const promql_parser::DurationExpr* expr) {
  if (expr == nullptr) {
    out += "null";
    return;
  }
  if (expr->op == promql_parser::DurationExpr::Op::kNumber) {
    base::Append(out, "{\"duration\":", expr->is_duration, ",\"type\":\"numberLiteral\",");
    AppendText(out, "val", promql_parser::FormatNumber(expr->seconds));
    out += '}';
    return;
  }
  out += "{\"lhs\":";
  AppendDuration(out, expr->lhs.get());
  out += ',';
  AppendText(out, "op", ToString(expr->op));
  out += ",\"rhs\":";
  AppendDuration(out, expr->rhs.get());
  base::Append(out, ",\"type\":\"durationExpr\",\"wrapped\":", expr->parenthesised, "}");
}

// Nothing when there is no expression: trees of plain queries look as they do without the feature.
void AppendDurationMember(std::string& out, std::string_view name,
                          const promql_parser::DurationExprPtr& expr) {
  if (expr != nullptr) {
    base::Append(out, ",\"", name, "\":");
    AppendDuration(out, expr.get());
  }
}

// A vector selector, or that of `matrix` when this is not null.
void AppendSelector(std::string& out, const promql_parser::VectorSelector& selector,
                    const promql_parser::MatrixSelector* matrix) {
  if (selector.window_mode == promql_parser::WindowMode::kAnchored) {
    out += "\"anchored\":true,";
  }
  AppendMatchers(out, selector.matchers);
  out += ',';
  AppendText(out, "name", selector.name);
  base::Append(out, ",\"offset\":", selector.offset_ms);
  AppendDurationMember(out, "offsetExpr", selector.offset_expr);
  if (matrix != nullptr) {
    base::Append(out, ",\"range\":", matrix->range_ms);
    AppendDurationMember(out, "rangeExpr", matrix->range_expr);
  }
  if (selector.window_mode == promql_parser::WindowMode::kSmoothed) {
    out += ",\"smoothed\":true";
  }
  base::Append(out, ",\"startOrEnd\":", StartOrEnd(selector.at), ",\"timestamp\":", Timestamp(selector.at));
}

void AppendSubquery(std::string& out, const promql_parser::SubqueryExpr& subquery) {
  AppendChild(out, "expr", subquery.expr.get());
  base::Append(out, ",\"offset\":", subquery.offset_ms);
  AppendDurationMember(out, "offsetExpr", subquery.offset_expr);
  base::Append(out, ",\"range\":", subquery.range_ms);
  AppendDurationMember(out, "rangeExpr", subquery.range_expr);
  base::Append(out, ",\"startOrEnd\":", StartOrEnd(subquery.at), ",\"step\":", subquery.step_ms);
  AppendDurationMember(out, "stepExpr", subquery.step_expr);
  base::Append(out, ",\"timestamp\":", Timestamp(subquery.at));
}

void AppendAggregate(std::string& out, const promql_parser::AggregateExpr& aggregate) {
  AppendChild(out, "expr", aggregate.expr.get());
  out += ',';
  AppendTexts(out, "grouping", aggregate.grouping);
  out += ',';
  AppendText(out, "op", ToString(aggregate.op));
  out += ',';
  AppendChild(out, "param", aggregate.param.get());
}

std::string_view ToString(promql_parser::MatchCardinality cardinality) {
  switch (cardinality) {
    case promql_parser::MatchCardinality::kOneToOne:
      return "one-to-one";
    case promql_parser::MatchCardinality::kManyToOne:
      return "many-to-one";
    case promql_parser::MatchCardinality::kOneToMany:
      return "one-to-many";
    case promql_parser::MatchCardinality::kManyToMany:
      break;
  }
  return "many-to-many";
}

void AppendFillValues(std::string& out, const promql_parser::VectorMatching& matching) {
  if (!matching.fill_left.has_value() && !matching.fill_right.has_value()) {
    return;
  }
  const auto number = [](const std::optional<double>& value) {
    return value.has_value() ? promql_parser::FormatNumber(*value) : std::string("null");
  };
  base::Append(out, "\"fillValues\":{\"lhs\":", number(matching.fill_left),
               ",\"rhs\":", number(matching.fill_right), "},");
}

void AppendBinary(std::string& out, const promql_parser::BinaryExpr& binary) {
  base::Append(out, "\"bool\":", binary.return_bool, ",");
  AppendChild(out, "lhs", binary.lhs.get());
  out += ",\"matching\":";
  if (binary.matching.has_value()) {
    out += '{';
    AppendText(out, "card", ToString(binary.matching->cardinality));
    out += ',';
    AppendFillValues(out, *binary.matching);
    AppendTexts(out, "include", binary.matching->include);
    out += ',';
    AppendTexts(out, "labels", binary.matching->labels);
    base::Append(out, ",\"on\":", binary.matching->on, "}");
  } else {
    out += "null";
  }
  out += ',';
  AppendText(out, "op", promql_parser::ToString(binary.op));
  out += ',';
  AppendChild(out, "rhs", binary.rhs.get());
}

void AppendCall(std::string& out, const promql_parser::Call& call) {
  out += "\"args\":[";
  for (size_t i = 0; i < call.args.size(); ++i) {
    out += i == 0 ? "" : ",";
    AppendTree(out, *call.args[i]);
  }
  std::vector<std::string> types;
  for (const promql_parser::ValueType type : call.function.arguments) {
    types.emplace_back(promql_parser::ToString(type));
  }
  out += "],\"func\":{";
  AppendTexts(out, "argTypes", types);
  out += ',';
  AppendText(out, "name", call.function.name);
  out += ',';
  AppendText(out, "returnType", promql_parser::ToString(call.function.result));
  base::Append(out, ",\"variadic\":", call.function.variadic, "}");
}

void AppendTree(std::string& out, const Expr& expr) {
  std::string_view type;
  out += '{';
  switch (expr.kind()) {
    case ExprKind::kNumberLiteral:
      type = "numberLiteral";
      break;
    case ExprKind::kStringLiteral:
      type = "stringLiteral";
      break;
    case ExprKind::kVectorSelector:
      type = "vectorSelector";
      AppendSelector(out, *expr.As<promql_parser::VectorSelector>(), nullptr);
      break;
    case ExprKind::kMatrixSelector:
      type = "matrixSelector";
      AppendSelector(out, *expr.As<promql_parser::MatrixSelector>()->selector,
                     expr.As<promql_parser::MatrixSelector>());
      break;
    case ExprKind::kSubquery:
      type = "subquery";
      AppendSubquery(out, *expr.As<promql_parser::SubqueryExpr>());
      break;
    case ExprKind::kUnary:
      type = "unaryExpr";
      AppendChild(out, "expr", expr.As<promql_parser::UnaryExpr>()->expr.get());
      out += ',';
      AppendText(out, "op", expr.As<promql_parser::UnaryExpr>()->minus ? "-" : "+");
      break;
    case ExprKind::kBinary:
      type = "binaryExpr";
      AppendBinary(out, *expr.As<promql_parser::BinaryExpr>());
      break;
    case ExprKind::kAggregate:
      type = "aggregation";
      AppendAggregate(out, *expr.As<promql_parser::AggregateExpr>());
      break;
    case ExprKind::kCall:
      type = "call";
      AppendCall(out, *expr.As<promql_parser::Call>());
      break;
    case ExprKind::kParen:
      type = "parenExpr";
      AppendChild(out, "expr", expr.As<promql_parser::ParenExpr>()->expr.get());
      break;
  }
  out += out.back() == '{' ? "" : ",";
  AppendText(out, "type", type);
  if (const auto* number = expr.As<promql_parser::NumberLiteral>()) {
    out += ',';
    AppendText(out, "val", promql_parser::FormatNumber(number->value));
  } else if (const auto* text = expr.As<promql_parser::StringLiteral>()) {
    out += ',';
    AppendText(out, "val", text->value);
  } else if (const auto* aggregate = expr.As<promql_parser::AggregateExpr>()) {
    base::Append(out, ",\"without\":", aggregate->without);
  }
  out += '}';
}

}  // namespace

std::string EncodeTree(const promql_parser::Expr& expr) {
  std::string out;
  AppendTree(out, expr);
  return out;
}

}  // namespace thanos::query
