// Selectors, their modifiers, numbers and durations.

#include <cmath>
#include <cstdlib>
#include <limits>
#include <utility>

#include "model/units.h"
#include "promql_parser/internal/parser_state.h"
#include "promql_parser/internal/utf8.h"

namespace thanos::promql_parser::internal {
namespace {

constexpr double kTwoPow63 = 9223372036854775808.0;

std::optional<labels::MatchType> ToMatchType(Token token) {
  switch (token) {
    case Token::kAssign:
      return labels::MatchType::kEqual;
    case Token::kNotEqual:
      return labels::MatchType::kNotEqual;
    case Token::kRegexMatch:
      return labels::MatchType::kRegexp;
    case Token::kRegexNotMatch:
      return labels::MatchType::kNotRegexp;
    default:
      return std::nullopt;
  }
}

// Go's integer literals: 0x hexadecimal, a leading zero means octal. Null when it does not fit or is not an
// integer.
std::optional<double> ParseInteger(const std::string& digits) {
  int base = 10;
  size_t begin = 0;
  if (digits.size() > 1 && digits[0] == '0') {
    const bool hex = digits[1] == 'x' || digits[1] == 'X';
    base = hex ? 16 : 8;
    begin = hex ? 2 : 1;
  }
  int64_t value = 0;
  const char* end = digits.data() + digits.size();
  const auto result = std::from_chars(digits.data() + begin, end, value, base);
  if (result.ec != std::errc() || result.ptr != end || digits[begin] == '-') {
    return std::nullopt;
  }
  return static_cast<double>(value);
}

// The modifiers a selector or subquery holds; both null for other expressions.
struct Modifiable {
  int64_t* offset_ms = nullptr;
  AtModifier* at = nullptr;
};
Modifiable ModifiersOf(Expr& expr) {
  if (auto* selector = expr.As<VectorSelector>()) {
    return {&selector->offset_ms, &selector->at};
  }
  if (auto* matrix = expr.As<MatrixSelector>()) {
    return {&matrix->selector->offset_ms, &matrix->selector->at};
  }
  if (auto* subquery = expr.As<SubqueryExpr>()) {
    return {&subquery->offset_ms, &subquery->at};
  }
  return {};
}

std::string FixedNotation(double value) {
  if (std::isnan(value)) {
    return "NaN";
  }
  if (std::isinf(value)) {
    return value > 0 ? "+Inf" : "-Inf";
  }
  char buffer[400];
  std::snprintf(buffer, sizeof(buffer), "%f", value);
  return buffer;
}

bool IsArithmetic(Token token) {
  return token >= Token::kAdd && token <= Token::kPow;
}

}  // namespace

std::unique_ptr<VectorSelector> ParserState::ParseSelector(const Item* name) {
  auto selector = std::make_unique<VectorSelector>();
  selector->position = {name != nullptr ? name->start : current_.start, previous_end_};
  if (Is(Token::kLeftBrace)) {
    if (!ParseMatchers(selector.get())) {
      return nullptr;
    }
    selector->position.end = previous_end_;
  }
  if (name != nullptr) {
    selector->name = name->text;
    selector->matchers.push_back(labels::Matcher::Equal(std::string(labels::kMetricName), selector->name));
  }
  return selector;
}

bool ParserState::ParseMatchers(VectorSelector* selector) {
  Advance();
  while (!failed() && !Is(Token::kRightBrace)) {
    if (!ParseMatcher(selector)) {
      return false;
    }
    if (Is(Token::kComma)) {
      Advance();
    } else if (!Is(Token::kRightBrace)) {
      Unexpected("label matching", "\",\" or \"}\"");
    }
  }
  if (!failed()) {
    Advance();
  }
  return !failed();
}

bool ParserState::ParseMatcher(VectorSelector* selector) {
  static constexpr std::string_view kContext = "label matching";
  const Item label = current_;
  if (!Is(Token::kIdentifier) && !Is(Token::kString)) {
    Unexpected(kContext, "identifier or \"}\"");
    return false;
  }
  std::string name = Is(Token::kString) ? Unquote(label.text) : std::string(label.text);
  Advance();
  if (failed()) {
    return false;
  }
  const Token op = current_.token;
  if (!ToMatchType(op).has_value()) {
    if (label.token == Token::kString) {
      selector->matchers.push_back(labels::Matcher::Equal(std::string(labels::kMetricName), std::move(name)));
    } else {
      Unexpected(kContext, "label matching operator");
    }
    return !failed();
  }
  Advance();
  if (failed()) {
    return false;
  }
  if (!Is(Token::kString)) {
    Unexpected(kContext, "string");
    return false;
  }
  AddMatcher(selector, label, std::move(name), op, current_);
  if (!failed()) {
    Advance();
  }
  return !failed();
}

void ParserState::AddMatcher(VectorSelector* selector, const Item& label, std::string name, Token op,
                             const Item& value) {
  auto matcher = labels::Matcher::Create(*ToMatchType(op), std::move(name), Unquote(value.text));
  if (!matcher.ok()) {
    Fail(label.start, base::Message(matcher.status()));
    return;
  }
  selector->matchers.push_back(*std::move(matcher));
}

std::optional<double> ParserState::ParseNumber() {
  const Item item = current_;
  std::optional<double> value;
  if (item.token == Token::kDuration) {
    const base::StatusOr<int64_t> duration = model::ParseDurationMs(item.text);
    if (!duration.ok()) {
      Fail(item.start, base::Message(duration.status()));
      return std::nullopt;
    }
    value = static_cast<double>(*duration) / 1000;
  } else if (item.token == Token::kNumber) {
    std::string digits;
    for (const char c : item.text) {
      if (c != '_') {
        digits.push_back(c);
      }
    }
    value = ParseInteger(digits);
    if (!value.has_value()) {
      const bool hex = digits.size() > 1 && (digits[1] == 'x' || digits[1] == 'X');
      char* end = nullptr;
      value = hex ? 0 : std::strtod(digits.c_str(), &end);
      const bool infinite = std::isinf(*value) && (digits[0] | 0x20) != 'i';
      if (hex || end != digits.c_str() + digits.size() || infinite) {
        Fail(item.start,
             base::Concat("error parsing number: strconv.ParseFloat: parsing ", base::Quote(item.text),
                          infinite ? ": value out of range" : ": invalid syntax"));
        return std::nullopt;
      }
    }
  } else {
    return std::nullopt;
  }
  Advance();
  return failed() ? std::nullopt : value;
}

std::optional<double> ParserState::ParseSignedNumber() {
  bool negative = false;
  if (Is(Token::kAdd) || Is(Token::kSub)) {
    negative = Is(Token::kSub);
    Advance();
  }
  const std::optional<double> value = failed() ? std::nullopt : ParseNumber();
  return value.has_value() && negative ? -*value : value;
}

std::optional<int64_t> ParserState::ParseDuration(bool positive, std::string_view context,
                                                  std::string_view expected) {
  const int start = current_.start;
  const std::optional<double> seconds = ParseSignedNumber();
  if (failed()) {
    return std::nullopt;
  }
  if (!seconds.has_value()) {
    const bool keyword = Is(Token::kIdentifier) && (current_.text == "step" || current_.text == "range");
    if (Is(Token::kLeftParen) || keyword || IsAggregate(current_.token)) {
      Fail(start, "experimental duration expression is not enabled");
    } else {
      Unexpected(context, expected);
    }
    return std::nullopt;
  }
  if (positive && IsArithmetic(current_.token)) {
    Fail(start, "experimental duration expression is not enabled");
  } else if (!(std::fabs(*seconds) <= kTwoPow63 / 1e9)) {
    Fail(start, "duration out of range");
  } else if (positive && *seconds <= 0) {
    Fail(start, "duration must be greater than 0");
  }
  if (failed()) {
    return std::nullopt;
  }
  // Whole nanoseconds first, like Prometheus; ten significant digits more than a double of milliseconds
  // needs.
  const auto milliseconds = static_cast<int64_t>(std::trunc(std::round(*seconds * 1e9) / 1e6));
  if (positive && milliseconds == 0) {
    Fail(start, "duration must be at least one millisecond");
    return std::nullopt;
  }
  return milliseconds;
}

ExprPtr ParserState::ParseRange(ExprPtr expr) {
  const Item bracket = current_;
  Advance();
  const std::optional<int64_t> range_ms =
      failed() ? std::nullopt : ParseDuration(true, "subquery or range selector", "number or duration");
  if (!range_ms.has_value()) {
    return nullptr;
  }
  if (Is(Token::kRightBracket)) {
    return MakeMatrix(std::move(expr), *range_ms, bracket);
  }
  if (!Is(Token::kColon)) {
    Unexpected("subquery or range", "\":\" or \"]\"");
    return nullptr;
  }
  Advance();
  std::optional<int64_t> step_ms = 0;
  if (!failed() && !Is(Token::kRightBracket)) {
    step_ms = ParseDuration(true, "subquery selector", "number or duration or \"]\"");
    if (step_ms.has_value() && !Is(Token::kRightBracket)) {
      Unexpected("subquery selector", "\"]\"");
    }
  }
  if (failed()) {
    return nullptr;
  }
  Advance();
  const int start = expr->position.start;
  auto subquery = std::make_unique<SubqueryExpr>(std::move(expr), *range_ms, *step_ms);
  subquery->position = {start, previous_end_};
  return DepthAllowed(*subquery) ? std::move(subquery) : nullptr;
}

ExprPtr ParserState::MakeMatrix(ExprPtr expr, int64_t range_ms, const Item& bracket) {
  Advance();
  auto* selector = expr->As<VectorSelector>();
  if (selector == nullptr) {
    Fail(bracket.start, "ranges only allowed for vector selectors");
    return nullptr;
  }
  if (selector->offset_ms != 0) {
    Fail(bracket.start, "no offset modifiers allowed before range");
    return nullptr;
  }
  if (selector->at.kind != AtModifier::Kind::kNone) {
    Fail(bracket.start, "no @ modifiers allowed before range");
    return nullptr;
  }
  expr.release();  // NOLINT(bugprone-unused-return-value): `selector` is the same object
  auto matrix = std::make_unique<MatrixSelector>(std::unique_ptr<VectorSelector>(selector), range_ms);
  matrix->position = {selector->position.start, previous_end_};
  return matrix;
}

bool ParserState::ApplyOffset(Expr& expr) {
  Advance();
  const std::optional<int64_t> offset_ms =
      failed() ? std::nullopt : ParseDuration(false, "offset", "number or duration");
  if (!offset_ms.has_value()) {
    return false;
  }
  const Modifiable modifiers = ModifiersOf(expr);
  if (modifiers.offset_ms == nullptr) {
    Fail(expr.position.start,
         "offset modifier must be preceded by an instant vector selector or range vector selector or a "
         "subquery");
    return false;
  }
  if (*modifiers.offset_ms != 0) {
    Fail(expr.position.start, "offset may not be set multiple times");
    return false;
  }
  *modifiers.offset_ms = *offset_ms;
  expr.position.end = previous_end_;
  return true;
}

bool ParserState::ApplyAt(Expr& expr) {
  Advance();
  if (failed()) {
    return false;
  }
  AtModifier at;
  if (Is(Token::kStart) || Is(Token::kFinish)) {
    at.kind = Is(Token::kStart) ? AtModifier::Kind::kStart : AtModifier::Kind::kEnd;
    Advance();
    for (const Token token : {Token::kLeftParen, Token::kRightParen}) {
      if (!failed() && !Is(token)) {
        Unexpected("@", "timestamp");
      }
      if (failed()) {
        return false;
      }
      Advance();
    }
  } else {
    const std::optional<double> seconds = ParseSignedNumber();
    if (!seconds.has_value()) {
      Unexpected("@", "timestamp");
      return false;
    }
    if (!(std::fabs(*seconds) < kTwoPow63 / 1000)) {
      Fail(expr.position.start, "timestamp out of bounds for @ modifier: " + FixedNotation(*seconds));
      return false;
    }
    at.kind = AtModifier::Kind::kTimestamp;
    at.timestamp_ms = static_cast<int64_t>(std::round(*seconds * 1000));
  }
  SetAt(expr, at);
  return !failed();
}

void ParserState::SetAt(Expr& expr, AtModifier at) {
  const Modifiable modifiers = ModifiersOf(expr);
  if (modifiers.at == nullptr) {
    Fail(expr.position.start,
         "@ modifier must be preceded by an instant vector selector or range vector selector or a subquery");
  } else if (modifiers.at->kind != AtModifier::Kind::kNone) {
    Fail(expr.position.start, "@ <timestamp> may not be set multiple times");
  } else {
    *modifiers.at = at;
    expr.position.end = previous_end_;
  }
}

}  // namespace thanos::promql_parser::internal
