#include "promql_parser/printer.h"

#include <algorithm>
#include <charconv>
#include <cmath>
#include <cstdio>
#include <optional>

#include "base/strings.h"
#include "model/units.h"

namespace thanos::promql_parser {
namespace {

constexpr size_t kMaxCharactersPerLine = 100;

void PrintTo(const Expr& expr, std::string& out);

bool IsPlainName(std::string_view name) {
  const auto is_letter = [](char c) { return c == '_' || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z'); };
  return !name.empty() && is_letter(name[0]) &&
         std::ranges::all_of(name, [&](char c) { return is_letter(c) || (c >= '0' && c <= '9'); });
}

// Words that are no labels when they stand in a grouping list without quotes.
bool IsReserved(std::string_view name) {
  return base::EqualsIgnoreCase(name, "without") || base::EqualsIgnoreCase(name, "inf") ||
         base::EqualsIgnoreCase(name, "nan");
}

void PrintLabels(const std::vector<std::string>& labels, std::string& out) {
  out += '(';
  for (size_t i = 0; i < labels.size(); ++i) {
    out += i == 0 ? "" : ", ";
    out += IsPlainName(labels[i]) && !IsReserved(labels[i]) ? labels[i] : base::Quote(labels[i]);
  }
  out += ')';
}

void PrintNumber(const NumberLiteral& literal, std::string& out) {
  const double value = literal.value;
  if (literal.duration && std::isfinite(value)) {
    base::Append(out, std::signbit(value) ? "-" : "",
                 model::FormatDurationMs(std::llround(std::fabs(value) * 1000)));
    return;
  }
  out += FormatNumber(value);
}

std::string_view ToSymbol(DurationExpr::Op op) {
  switch (op) {
    case DurationExpr::Op::kAdd:
      return " + ";
    case DurationExpr::Op::kSub:
      return " - ";
    case DurationExpr::Op::kMul:
      return " * ";
    case DurationExpr::Op::kDiv:
      return " / ";
    case DurationExpr::Op::kMod:
      return " % ";
    default:
      return " ^ ";
  }
}

void PrintDuration(const DurationExpr& expr, std::string& out) {
  out += expr.parenthesised ? "(" : "";
  switch (expr.op) {
    case DurationExpr::Op::kNumber: {
      const bool whole = expr.is_duration && std::fabs(expr.seconds) < 9e12;
      PrintNumber(NumberLiteral(expr.seconds, whole), out);
      break;
    }
    case DurationExpr::Op::kStep:
      out += "step()";
      break;
    case DurationExpr::Op::kRange:
      out += "range()";
      break;
    case DurationExpr::Op::kMin:
    case DurationExpr::Op::kMax:
      out += expr.op == DurationExpr::Op::kMin ? "min_of(" : "max_of(";
      PrintDuration(*expr.lhs, out);
      out += ", ";
      PrintDuration(*expr.rhs, out);
      out += ')';
      break;
    case DurationExpr::Op::kNegate:
      out += '-';
      PrintDuration(*expr.rhs, out);
      break;
    default:
      PrintDuration(*expr.lhs, out);
      out += ToSymbol(expr.op);
      PrintDuration(*expr.rhs, out);
      break;
  }
  out += expr.parenthesised ? ")" : "";
}

// The expression when there is one, else the number.
std::string DurationText(const DurationExprPtr& expr, int64_t milliseconds) {
  if (expr == nullptr) {
    return model::FormatDurationMs(milliseconds);
  }
  std::string out;
  PrintDuration(*expr, out);
  return out;
}

std::string_view ToString(WindowMode mode) {
  switch (mode) {
    case WindowMode::kAnchored:
      return " anchored";
    case WindowMode::kSmoothed:
      return " smoothed";
    default:
      return "";
  }
}

void PrintModifiers(const AtModifier& at, WindowMode mode, const DurationExprPtr& offset_expr,
                    int64_t offset_ms, std::string& out) {
  switch (at.kind) {
    case AtModifier::Kind::kNone:
      break;
    case AtModifier::Kind::kTimestamp: {
      const auto magnitude = static_cast<uint64_t>(std::llabs(at.timestamp_ms));
      char buffer[40];
      std::snprintf(buffer, sizeof(buffer), " @ %s%llu.%03llu", at.timestamp_ms < 0 ? "-" : "",
                    static_cast<unsigned long long>(magnitude / 1000),
                    static_cast<unsigned long long>(magnitude % 1000));
      out += buffer;
      break;
    }
    case AtModifier::Kind::kStart:
      out += " @ start()";
      break;
    case AtModifier::Kind::kEnd:
      out += " @ end()";
      break;
  }
  out += ToString(mode);
  if (offset_ms != 0 || offset_expr != nullptr) {
    base::Append(out, " offset ", DurationText(offset_expr, offset_ms));
  }
}

void PrintModifiers(const VectorSelector& selector, std::string& out) {
  PrintModifiers(selector.at, selector.window_mode, selector.offset_expr, selector.offset_ms, out);
}

void PrintBareSelector(const VectorSelector& selector, std::string& out) {
  out += selector.name;
  std::vector<std::string> texts;
  for (const labels::Matcher& matcher : selector.matchers) {
    const bool is_name = matcher.name() == labels::kMetricName &&
                         matcher.type() == labels::MatchType::kEqual && matcher.value() == selector.name &&
                         !selector.name.empty();
    if (!is_name) {
      texts.push_back(base::Concat(IsPlainName(matcher.name()) ? matcher.name() : base::Quote(matcher.name()),
                                   labels::ToString(matcher.type()), base::Quote(matcher.value())));
    }
  }
  if (texts.empty()) {
    out += selector.name.empty() ? "{}" : "";
    return;
  }
  std::ranges::sort(texts);
  for (size_t i = 0; i < texts.size(); ++i) {
    base::Append(out, i == 0 ? "{" : ",", texts[i]);
  }
  out += '}';
}

void PrintMatrix(const MatrixSelector& matrix, std::string& out) {
  PrintBareSelector(*matrix.selector, out);
  base::Append(out, "[", DurationText(matrix.range_expr, matrix.range_ms), "]");
  PrintModifiers(*matrix.selector, out);
}

void PrintSubquerySuffix(const SubqueryExpr& subquery, std::string& out) {
  base::Append(out, "[", DurationText(subquery.range_expr, subquery.range_ms), ":");
  if (subquery.step_ms != 0 || subquery.step_expr != nullptr) {
    out += DurationText(subquery.step_expr, subquery.step_ms);
  }
  out += ']';
  PrintModifiers(subquery.at, WindowMode::kPlain, subquery.offset_expr, subquery.offset_ms, out);
}

// Operator with bool and matching, without spaces around.
void PrintOperator(const BinaryExpr& binary, std::string& out) {
  out += ToString(binary.op);
  out += binary.return_bool ? " bool" : "";
  if (!binary.matching.has_value()) {
    return;
  }
  const VectorMatching& matching = *binary.matching;
  const bool grouped = matching.cardinality == MatchCardinality::kManyToOne ||
                       matching.cardinality == MatchCardinality::kOneToMany;
  if (matching.on || !matching.labels.empty() || grouped) {
    out += matching.on ? " on " : " ignoring ";
    PrintLabels(matching.labels, out);
  }
  if (grouped) {
    out += matching.cardinality == MatchCardinality::kManyToOne ? " group_left " : " group_right ";
    PrintLabels(matching.include, out);
  }
  const auto print_fill = [&out](std::string_view word, double value) {
    base::Append(out, " ", word, " (");
    PrintNumber(NumberLiteral(value, false), out);
    out += ')';
  };
  if (matching.fill_left.has_value() && matching.fill_left == matching.fill_right) {
    print_fill("fill", *matching.fill_left);
    return;
  }
  if (matching.fill_left.has_value()) {
    print_fill("fill_left", *matching.fill_left);
  }
  if (matching.fill_right.has_value()) {
    print_fill("fill_right", *matching.fill_right);
  }
}

void PrintAggregateOperator(const AggregateExpr& aggregate, std::string& out) {
  out += ToString(aggregate.op);
  if (aggregate.without || !aggregate.grouping.empty()) {
    out += aggregate.without ? " without " : " by ";
    PrintLabels(aggregate.grouping, out);
    out += ' ';
  }
}

void PrintAggregate(const AggregateExpr& aggregate, std::string& out) {
  PrintAggregateOperator(aggregate, out);
  out += '(';
  if (aggregate.param != nullptr) {
    PrintTo(*aggregate.param, out);
    out += ", ";
  }
  PrintTo(*aggregate.expr, out);
  out += ')';
}

void PrintCall(const Call& call, std::string& out) {
  base::Append(out, call.function.name, "(");
  for (size_t i = 0; i < call.args.size(); ++i) {
    out += i == 0 ? "" : ", ";
    PrintTo(*call.args[i], out);
  }
  out += ')';
}

// "+Inf ^ 2" would read as +(Inf ^ 2).
bool IsInfiniteBase(const BinaryExpr& binary) {
  const auto* base = binary.lhs->As<NumberLiteral>();
  return binary.op == BinaryOp::kPow && base != nullptr && std::isinf(base->value) && base->value > 0;
}

void PrintTo(const Expr& expr, std::string& out) {
  switch (expr.kind()) {
    case ExprKind::kNumberLiteral:
      return PrintNumber(*expr.As<NumberLiteral>(), out);
    case ExprKind::kStringLiteral:
      out += base::Quote(expr.As<StringLiteral>()->value);
      return;
    case ExprKind::kVectorSelector:
      PrintBareSelector(*expr.As<VectorSelector>(), out);
      return PrintModifiers(*expr.As<VectorSelector>(), out);
    case ExprKind::kMatrixSelector:
      return PrintMatrix(*expr.As<MatrixSelector>(), out);
    case ExprKind::kSubquery:
      PrintTo(*expr.As<SubqueryExpr>()->expr, out);
      return PrintSubquerySuffix(*expr.As<SubqueryExpr>(), out);
    case ExprKind::kUnary:
      out += expr.As<UnaryExpr>()->minus ? '-' : '+';
      return PrintTo(*expr.As<UnaryExpr>()->expr, out);
    case ExprKind::kBinary:
      if (IsInfiniteBase(*expr.As<BinaryExpr>())) {
        out += "Inf";
      } else {
        PrintTo(*expr.As<BinaryExpr>()->lhs, out);
      }
      out += ' ';
      PrintOperator(*expr.As<BinaryExpr>(), out);
      out += ' ';
      return PrintTo(*expr.As<BinaryExpr>()->rhs, out);
    case ExprKind::kAggregate:
      return PrintAggregate(*expr.As<AggregateExpr>(), out);
    case ExprKind::kCall:
      return PrintCall(*expr.As<Call>(), out);
    case ExprKind::kParen:
      out += '(';
      PrintTo(*expr.As<ParenExpr>()->expr, out);
      out += ')';
      return;
  }
}

std::string Indent(int level) {
  return std::string(static_cast<size_t>(level) * 2, ' ');
}

std::string FormatAt(const Expr& expr, int level);

std::string FormatArguments(const std::vector<const Expr*>& arguments, int level) {
  std::string out;
  for (size_t i = 0; i < arguments.size(); ++i) {
    base::Append(out, FormatAt(*arguments[i], level), i + 1 < arguments.size() ? ",\n" : "");
  }
  return out;
}

std::string FormatBinary(const BinaryExpr& binary, int level) {
  std::string out = IsInfiniteBase(binary) ? Indent(level + 1) + "Inf" : FormatAt(*binary.lhs, level + 1);
  base::Append(out, "\n", Indent(level));
  PrintOperator(binary, out);
  base::Append(out, "\n", FormatAt(*binary.rhs, level + 1));
  return out;
}

std::string FormatAggregate(const AggregateExpr& aggregate, int level) {
  std::string out = Indent(level);
  PrintAggregateOperator(aggregate, out);
  std::vector<const Expr*> arguments;
  if (aggregate.param != nullptr) {
    arguments.push_back(aggregate.param.get());
  }
  arguments.push_back(aggregate.expr.get());
  return base::Concat(out, "(\n", FormatArguments(arguments, level + 1), "\n", Indent(level), ")");
}

// Counts nodes down from `budget`; false once it is used up. Every node prints at least one character, so a
// tree of more nodes than a line has characters need not be printed to know that it is too long.
bool CountNodes(const Expr& expr, size_t* budget) {
  if (*budget == 0) {
    return false;
  }
  --*budget;
  return std::ranges::all_of(Children(expr),
                             [budget](const Expr* child) { return CountNodes(*child, budget); });
}

// The text of `expr` when it fits on a line.
std::optional<std::string> OneLine(const Expr& expr) {
  size_t budget = kMaxCharactersPerLine;
  if (!CountNodes(expr, &budget)) {
    return std::nullopt;
  }
  std::string line = Print(expr);
  return line.size() <= kMaxCharactersPerLine ? std::optional(std::move(line)) : std::nullopt;
}

std::string FormatAt(const Expr& expr, int level) {
  if (const std::optional<std::string> line = OneLine(expr); line.has_value()) {
    // Prometheus leaves subqueries without indentation.
    return expr.kind() == ExprKind::kSubquery ? *line : Indent(level) + *line;
  }
  switch (expr.kind()) {
    case ExprKind::kAggregate:
      return FormatAggregate(*expr.As<AggregateExpr>(), level);
    case ExprKind::kBinary:
      return FormatBinary(*expr.As<BinaryExpr>(), level);
    case ExprKind::kCall:
      return base::Concat(Indent(level), expr.As<Call>()->function.name, "(\n",
                          FormatArguments(Children(expr), level + 1), "\n", Indent(level), ")");
    case ExprKind::kParen:
      return base::Concat(Indent(level), "(\n", FormatAt(*expr.As<ParenExpr>()->expr, level + 1), "\n",
                          Indent(level), ")");
    case ExprKind::kSubquery: {
      std::string out = FormatAt(*expr.As<SubqueryExpr>()->expr, level);
      PrintSubquerySuffix(*expr.As<SubqueryExpr>(), out);
      return out;
    }
    case ExprKind::kUnary: {
      const std::string inner = FormatAt(*expr.As<UnaryExpr>()->expr, level);
      return base::Concat(Indent(level), expr.As<UnaryExpr>()->minus ? '-' : '+', base::Trim(inner));
    }
    default:
      return Indent(level) + Print(expr);
  }
}

}  // namespace

std::string FormatNumber(double value) {
  if (!std::isfinite(value)) {
    return std::isnan(value) ? "NaN" : value > 0 ? "+Inf" : "-Inf";
  }
  char buffer[40];
  const auto result =
      std::to_chars(buffer, buffer + sizeof(buffer), std::fabs(value), std::chars_format::scientific);
  const std::string_view text(buffer, static_cast<size_t>(result.ptr - buffer));
  const size_t e = text.find('e');
  std::string digits(text.substr(0, 1));
  if (e > 2) {
    digits += text.substr(2, e - 2);
  }
  int exponent = 0;
  const std::string_view written = text.substr(text[e + 1] == '+' ? e + 2 : e + 1);
  std::from_chars(written.data(), written.data() + written.size(), exponent);
  // The decimal point comes after this many digits.
  const int point = exponent + 1;
  const auto count = static_cast<int>(digits.size());
  std::string out = std::signbit(value) ? "-" : "";
  if (point <= 0) {
    return out + "0." + std::string(static_cast<size_t>(-point), '0') + digits;
  }
  if (count <= point) {
    return out + digits + std::string(static_cast<size_t>(point - count), '0');
  }
  return out + digits.substr(0, static_cast<size_t>(point)) + "." + digits.substr(static_cast<size_t>(point));
}

std::string Print(const Expr& expr) {
  std::string out;
  PrintTo(expr, out);
  return out;
}

std::string Format(const Expr& expr) {
  return FormatAt(expr, 0);
}

}  // namespace thanos::promql_parser
