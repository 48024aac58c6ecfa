// Durations of ranges, subquery steps and offsets: plain numbers, or arithmetic when that is enabled.

#include <cmath>
#include <utility>

#include "promql_parser/internal/parser_state.h"

namespace thanos::promql_parser::internal {
namespace {

constexpr double kMaxSeconds = 9223372036854775808.0 / 1e9;

struct Operator {
  DurationExpr::Op op;
  int precedence;  // 0: none
};

constexpr int kPowPrecedence = 3;
// Unary signs bind like multiplication: weaker than ^ only.
constexpr int kUnaryPrecedence = 2;

Operator ToOperator(Token token) {
  switch (token) {
    case Token::kAdd:
      return {DurationExpr::Op::kAdd, 1};
    case Token::kSub:
      return {DurationExpr::Op::kSub, 1};
    case Token::kMul:
      return {DurationExpr::Op::kMul, 2};
    case Token::kDiv:
      return {DurationExpr::Op::kDiv, 2};
    case Token::kMod:
      return {DurationExpr::Op::kMod, 2};
    case Token::kPow:
      return {DurationExpr::Op::kPow, kPowPrecedence};
    default:
      return {DurationExpr::Op::kNumber, 0};
  }
}

enum class Word : uint8_t { kNone, kStep, kRange, kMin, kMax };

// min() and max() are the older names of min_of() and max_of().
Word ToWord(const Item& item) {
  if (item.token == Token::kMin) {
    return Word::kMin;
  }
  if (item.token == Token::kMax) {
    return Word::kMax;
  }
  if (item.token != Token::kIdentifier) {
    return Word::kNone;
  }
  static constexpr std::pair<std::string_view, Word> kWords[] = {
      {"step", Word::kStep},  {"range", Word::kRange}, {"min_of", Word::kMin},
      {"max_of", Word::kMax}, {"min", Word::kMin},     {"max", Word::kMax}};
  for (const auto& [name, word] : kWords) {
    if (base::EqualsIgnoreCase(item.text, name)) {
      return word;
    }
  }
  return Word::kNone;
}

// Whole nanoseconds first, like Prometheus; ten significant digits more than a double of milliseconds needs.
int64_t ToMilliseconds(double seconds) {
  return static_cast<int64_t>(std::trunc(std::round(seconds * 1e9) / 1e6));
}

}  // namespace

bool ParserState::AllowDurationArithmetic(int position) {
  if (!options_.enable_duration_expressions) {
    Fail(position, "experimental duration expression is not enabled");
  }
  return !failed();
}

// step(), range(), min_of(a, b) or max_of(a, b). The current token is the word.
DurationExprPtr ParserState::ParseDurationWord(const DurationContext& context) {
  const Item name = current_;
  const Word word = ToWord(name);
  auto expr = std::make_unique<DurationExpr>();
  expr->position.start = name.start;
  Advance();
  if (failed() || !Expect(Token::kLeftParen)) {
    return nullptr;
  }
  if (word == Word::kMin || word == Word::kMax) {
    expr->op = word == Word::kMin ? DurationExpr::Op::kMin : DurationExpr::Op::kMax;
    expr->lhs = ParseDurationExpr(1, context);
    if (failed() || !Expect(Token::kComma)) {
      return nullptr;
    }
    expr->rhs = ParseDurationExpr(1, context);
    if (failed()) {
      return nullptr;
    }
  } else {
    expr->op = word == Word::kStep ? DurationExpr::Op::kStep : DurationExpr::Op::kRange;
  }
  if (!Expect(Token::kRightParen)) {
    return nullptr;
  }
  expr->position.end = previous_end_;
  return AllowDurationArithmetic(name.start) ? std::move(expr) : nullptr;
}

DurationExprPtr ParserState::ParseDurationPrimary(const DurationContext& context) {
  const Item item = current_;
  if (Is(Token::kLeftParen)) {
    Advance();
    DurationExprPtr inner = failed() ? nullptr : ParseDurationExpr(1, context);
    if (failed() || !Expect(Token::kRightParen) || !AllowDurationArithmetic(inner->position.start)) {
      return nullptr;
    }
    inner->parenthesised = inner->op != DurationExpr::Op::kNumber;
    return inner;
  }
  if (ToWord(item) != Word::kNone) {
    return ParseDurationWord(context);
  }
  const std::optional<double> seconds = ParseNumber();
  if (!seconds.has_value()) {
    Unexpected(context.name, context.expected);
    return nullptr;
  }
  if (!(std::fabs(*seconds) <= kMaxSeconds)) {
    Fail(item.start, "duration out of range");
    return nullptr;
  }
  auto number = std::make_unique<DurationExpr>();
  number->seconds = *seconds;
  number->is_duration = item.token == Token::kDuration;
  number->position = {item.start, item.end()};
  return number;
}

DurationExprPtr ParserState::ParseDurationUnary(bool operand_is_primary, const DurationContext& context) {
  if (++nesting_ > options_.max_depth) {
    Fail(current_.start, base::Concat("expression is nested deeper than ", options_.max_depth, " levels"));
    return nullptr;
  }
  if (!Is(Token::kAdd) && !Is(Token::kSub)) {
    --nesting_;
    return ParseDurationPrimary(context);
  }
  const Item sign = current_;
  Advance();
  if (failed()) {
    return nullptr;
  }
  DurationExprPtr operand =
      operand_is_primary ? ParseDurationPrimary(context) : ParseDurationExpr(kUnaryPrecedence + 1, context);
  if (failed()) {
    return nullptr;
  }
  --nesting_;
  if (operand->op == DurationExpr::Op::kNumber) {
    operand->seconds = sign.token == Token::kSub ? -operand->seconds : operand->seconds;
    operand->position.start = sign.start;
    return operand;
  }
  if (sign.token == Token::kAdd) {
    return operand;
  }
  auto negated = std::make_unique<DurationExpr>();
  negated->op = DurationExpr::Op::kNegate;
  negated->position = {sign.start, operand->position.end};
  negated->rhs = std::move(operand);
  return negated;
}

DurationExprPtr ParserState::ParseDurationExpr(int min_precedence, const DurationContext& context) {
  const int outer_nesting = nesting_;
  if (++nesting_ > options_.max_depth) {
    Fail(current_.start, base::Concat("expression is nested deeper than ", options_.max_depth, " levels"));
    return nullptr;
  }
  DurationExprPtr left = ParseDurationUnary(false, context);
  while (!failed()) {
    const Item item = current_;
    const Operator operation = ToOperator(item.token);
    if (operation.precedence == 0 || operation.precedence < min_precedence) {
      break;
    }
    // A chain is as deep as it is long.
    if (++nesting_ > options_.max_depth) {
      Fail(item.start, base::Concat("expression is nested deeper than ", options_.max_depth, " levels"));
      return nullptr;
    }
    Advance();
    const bool right_associative = operation.op == DurationExpr::Op::kPow;
    DurationExprPtr right =
        failed() ? nullptr : ParseDurationExpr(operation.precedence + (right_associative ? 0 : 1), context);
    if (failed() || !AllowDurationArithmetic(left->position.start)) {
      return nullptr;
    }
    const bool by_zero = right->op == DurationExpr::Op::kNumber && right->seconds == 0;
    if (by_zero && (item.token == Token::kDiv || item.token == Token::kMod)) {
      Fail(item.start, item.token == Token::kDiv ? "division by zero" : "modulo by zero");
      return nullptr;
    }
    auto binary = std::make_unique<DurationExpr>();
    binary->op = operation.op;
    binary->position = {left->position.start, right->position.end};
    binary->lhs = std::move(left);
    binary->rhs = std::move(right);
    left = std::move(binary);
  }
  nesting_ = outer_nesting;
  return failed() ? nullptr : std::move(left);
}

std::optional<ParserState::ParsedDuration> ParserState::ParseDuration(const DurationContext& context) {
  const int start = current_.start;
  // What follows an offset's first operand belongs to the expression around it: "foo offset 1m + 2".
  DurationExprPtr expr = context.positive ? ParseDurationExpr(1, context) : ParseDurationUnary(true, context);
  if (failed()) {
    return std::nullopt;
  }
  if (expr->op != DurationExpr::Op::kNumber) {
    return ParsedDuration{0, std::move(expr)};
  }
  if (context.positive && expr->seconds <= 0) {
    Fail(start, "duration must be greater than 0");
    return std::nullopt;
  }
  const int64_t milliseconds = ToMilliseconds(expr->seconds);
  if (context.positive && milliseconds == 0) {
    Fail(start, "duration must be at least one millisecond");
    return std::nullopt;
  }
  return ParsedDuration{milliseconds, nullptr};
}

}  // namespace thanos::promql_parser::internal
