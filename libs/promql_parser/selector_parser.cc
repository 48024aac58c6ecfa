// Selectors, their modifiers, and numbers.

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
  DurationExprPtr* offset_expr = nullptr;
  AtModifier* at = nullptr;
};
Modifiable ModifiersOf(Expr& expr) {
  if (auto* selector = expr.As<VectorSelector>()) {
    return {&selector->offset_ms, &selector->offset_expr, &selector->at};
  }
  if (auto* matrix = expr.As<MatrixSelector>()) {
    return {&matrix->selector->offset_ms, &matrix->selector->offset_expr, &matrix->selector->at};
  }
  if (auto* subquery = expr.As<SubqueryExpr>()) {
    return {&subquery->offset_ms, &subquery->offset_expr, &subquery->at};
  }
  return {};
}

// Go's words for what is wrong with a regular expression, from those of RE2 ("error parsing regexp: <kind>:
// <where> in <pattern>"). Where Go names all of the expression, so does this.
std::string RegexError(std::string_view message, const std::string& pattern) {
  static constexpr std::string_view kPrefix = "error parsing regexp: ";
  struct Translation {
    std::string_view kind;
    std::string_view go;
    bool whole;
  };
  static constexpr Translation kTranslations[] = {
      {"no argument for repetition operator: ", "missing argument to repetition operator", false},
      {"bad repetition operator: ", "invalid nested repetition operator", false},
      {"invalid repetition size: ", "invalid repeat count", false},
      {"missing ): ", "missing closing )", true},
      {"missing ]: ", "missing closing ]", false},
      {"unexpected ): ", "unexpected )", true},
      {"invalid escape sequence: ", "invalid escape sequence", false},
      {"invalid character class range: ", "invalid character class range", false},
      {"invalid perl operator: ", "invalid or unsupported Perl syntax", false},
      {"invalid named capture group: ", "invalid named capture", false}};
  if (!message.starts_with(kPrefix)) {
    return std::string(message);
  }
  std::string_view what = message.substr(kPrefix.size());
  for (const Translation& translation : kTranslations) {
    if (!what.starts_with(translation.kind)) {
      continue;
    }
    const std::string_view where = what.substr(translation.kind.size());
    const std::string_view fragment = where.substr(0, where.rfind(" in \""));
    return base::Concat(kPrefix, translation.go, ": `", translation.whole ? pattern : fragment, "`");
  }
  return std::string(message);
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
  if (!CountPart()) {
    return false;
  }
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
    Fail(label.start, RegexError(base::Message(matcher.status()), Unquote(value.text)));
    return;
  }
  regex_bytes_ += matcher->compiled_bytes();
  if (regex_bytes_ > options_.max_regex_bytes) {
    Fail(label.start, "the regular expressions of the query are too large together");
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
      Fail(item.start, item.text.find('.') == std::string_view::npos
                           ? std::string(base::Message(duration.status()))
                           : base::Concat("unknown unit \".\" in duration ", base::Quote(item.text)));
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

ExprPtr ParserState::ParseRange(ExprPtr expr) {
  const Item bracket = current_;
  Advance();
  std::optional<ParsedDuration> range;
  if (!failed()) {
    range = ParseDuration({true, "subquery selector", "number or duration"});
  }
  if (!range.has_value()) {
    return nullptr;
  }
  if (Is(Token::kRightBracket)) {
    return MakeMatrix(std::move(expr), *std::move(range), bracket);
  }
  if (!Is(Token::kColon)) {
    Unexpected("subquery or range", "\":\" or \"]\"");
    return nullptr;
  }
  Advance();
  std::optional<ParsedDuration> step = ParsedDuration{};
  if (!failed() && !Is(Token::kRightBracket)) {
    step = ParseDuration({true, "subquery selector", "number or duration or \"]\""});
    if (step.has_value() && !Is(Token::kRightBracket)) {
      Unexpected("subquery selector", "\"]\"");
    }
  }
  if (failed()) {
    return nullptr;
  }
  Advance();
  const int start = expr->position.start;
  auto subquery = std::make_unique<SubqueryExpr>(std::move(expr), range->milliseconds, step->milliseconds);
  subquery->range_expr = std::move(range->expr);
  subquery->step_expr = std::move(step->expr);
  subquery->position = {start, previous_end_};
  return DepthAllowed(*subquery) ? std::move(subquery) : nullptr;
}

ExprPtr ParserState::MakeMatrix(ExprPtr expr, ParsedDuration range, const Item& bracket) {
  Advance();
  auto* selector = expr->As<VectorSelector>();
  if (selector == nullptr) {
    Fail(bracket.start, "ranges only allowed for vector selectors");
    return nullptr;
  }
  if (selector->offset_ms != 0 || selector->offset_expr != nullptr) {
    Fail(bracket.start, "no offset modifiers allowed before range");
    return nullptr;
  }
  if (selector->at.kind != AtModifier::Kind::kNone) {
    Fail(bracket.start, "no @ modifiers allowed before range");
    return nullptr;
  }
  expr.release();  // NOLINT(bugprone-unused-return-value): `selector` is the same object
  auto matrix =
      std::make_unique<MatrixSelector>(std::unique_ptr<VectorSelector>(selector), range.milliseconds);
  matrix->range_expr = std::move(range.expr);
  matrix->position = {selector->position.start, previous_end_};
  return matrix;
}

bool ParserState::ApplyOffset(Expr& expr) {
  Advance();
  std::optional<ParsedDuration> offset;
  if (!failed()) {
    offset = ParseDuration({false, "offset", "number or duration"});
  }
  if (!offset.has_value()) {
    return false;
  }
  const Modifiable modifiers = ModifiersOf(expr);
  if (modifiers.offset_ms == nullptr) {
    Fail(expr.position.start,
         "offset modifier must be preceded by an instant vector selector or range vector selector or a "
         "subquery");
    return false;
  }
  if (*modifiers.offset_ms != 0 || *modifiers.offset_expr != nullptr) {
    Fail(expr.position.start, "offset may not be set multiple times");
    return false;
  }
  *modifiers.offset_ms = offset->milliseconds;
  *modifiers.offset_expr = std::move(offset->expr);
  expr.position.end = previous_end_;
  return true;
}

// `anchored` or `smoothed` after `expr`.
bool ParserState::ApplyWindowMode(Expr& expr) {
  const std::string word = base::ToLower(current_.text);
  if (!options_.enable_extended_range_selectors) {
    Fail(expr.position.start, base::Concat(word, " modifier is experimental and not enabled"));
    return false;
  }
  auto* selector = expr.As<VectorSelector>();
  if (auto* matrix = expr.As<MatrixSelector>()) {
    selector = matrix->selector.get();
  }
  if (selector == nullptr) {
    const bool subquery = expr.kind() == ExprKind::kSubquery;
    Fail(expr.position.start, base::Concat(word, subquery ? " modifier is not supported for subqueries"
                                                          : " modifier not implemented"));
    return false;
  }
  const WindowMode mode = word == "anchored" ? WindowMode::kAnchored : WindowMode::kSmoothed;
  if (selector->window_mode != WindowMode::kPlain && selector->window_mode != mode) {
    Fail(expr.position.start, "anchored and smoothed modifiers cannot be used together");
    return false;
  }
  selector->window_mode = mode;
  Advance();
  return !failed();
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
