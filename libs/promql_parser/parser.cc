#include "promql_parser/parser.h"

#include <algorithm>
#include <utility>

#include "promql_parser/internal/parser_state.h"
#include "promql_parser/internal/utf8.h"

namespace thanos::promql_parser {

base::StatusOr<ExprPtr> Parse(std::string_view query, const ParserOptions& options) {
  return internal::ParserState(query, options).ParseQuery();
}

std::string LineAndColumn(std::string_view query, int position) {
  const std::string_view before = query.substr(0, static_cast<size_t>(position));
  const auto line = std::count(before.begin(), before.end(), '\n') + 1;
  const size_t line_break = before.rfind('\n');
  const size_t column = before.size() - (line_break == std::string_view::npos ? 0 : line_break + 1) + 1;
  return base::Concat(line, ":", column);
}

base::StatusOr<std::vector<labels::Matcher>> ParseMetricSelector(std::string_view selector) {
  const ParserOptions options;
  return internal::ParserState(selector, options).ParseSelectorOnly();
}

namespace internal {
namespace {

// Binding strength of binary operators; 0 for other tokens. Unary signs bind weaker than kPowPrecedence and
// stronger than all others.
constexpr int kPowPrecedence = 6;
int Precedence(Token token) {
  switch (token) {
    case Token::kOr:
      return 1;
    case Token::kAnd:
    case Token::kUnless:
      return 2;
    case Token::kEqual:
    case Token::kNotEqual:
    case Token::kLess:
    case Token::kLessOrEqual:
    case Token::kGreater:
    case Token::kGreaterOrEqual:
      return 3;
    case Token::kAdd:
    case Token::kSub:
      return 4;
    case Token::kMul:
    case Token::kDiv:
    case Token::kMod:
    case Token::kAtan2:
      return 5;
    case Token::kPow:
      return kPowPrecedence;
    default:
      return 0;
  }
}

BinaryOp ToBinaryOp(Token token) {
  static_assert(static_cast<int>(Token::kUnless) - static_cast<int>(Token::kAdd) ==
                static_cast<int>(BinaryOp::kUnless) - static_cast<int>(BinaryOp::kAdd));
  return static_cast<BinaryOp>(static_cast<int>(token) - static_cast<int>(Token::kAdd));
}

bool MayBeMetricName(Token token) {
  switch (token) {
    case Token::kIdentifier:
    case Token::kMetricIdentifier:
    case Token::kAnd:
    case Token::kOr:
    case Token::kUnless:
    case Token::kBy:
    case Token::kOffset:
    case Token::kWithout:
    case Token::kStart:
    case Token::kFinish:
      return true;
    default:
      return IsAggregate(token);
  }
}

bool MayStartExpression(Token token) {
  switch (token) {
    case Token::kNumber:
    case Token::kDuration:
    case Token::kString:
    case Token::kLeftParen:
    case Token::kLeftBrace:
    case Token::kAdd:
    case Token::kSub:
      return true;
    default:
      return MayBeMetricName(token);
  }
}

bool MayBeGroupingLabel(Token token) {
  return token == Token::kBool || token == Token::kGroupLeft || token == Token::kGroupRight ||
         token == Token::kIgnoring || token == Token::kOn || token == Token::kAtan2 ||
         (token != Token::kWithout && MayBeMetricName(token));
}

bool IsFill(const Item& item) {
  return item.token == Token::kIdentifier &&
         (base::EqualsIgnoreCase(item.text, "fill") || base::EqualsIgnoreCase(item.text, "fill_left") ||
          base::EqualsIgnoreCase(item.text, "fill_right"));
}

}  // namespace

base::Status ParseErrorAt(std::string_view query, int position, std::string_view message) {
  if (query.empty()) {
    return base::InvalidArgument("unknown position: parse error: ", message);
  }
  return base::InvalidArgument(LineAndColumn(query, position), ": parse error: ", message);
}

void ParserState::Advance() {
  previous_end_ = current_.end();
  current_ = lexer_.Next();
  if (Is(Token::kError)) {
    Fail(current_.start, current_.text);
  }
}

void ParserState::Fail(int position, std::string_view message) {
  if (status_.ok()) {
    status_ = ParseErrorAt(query_, position, message);
  }
}

void ParserState::Unexpected(std::string_view context, std::string_view expected) {
  std::string message = "unexpected " + Describe(current_);
  if (context.empty() && open_aggregations_ > 0) {
    context = "aggregation";
  }
  if (!context.empty()) {
    base::Append(message, " in ", context);
  }
  if (!expected.empty()) {
    base::Append(message, ", expected ", expected);
  }
  Fail(current_.start, message);
}

bool ParserState::Expect(Token token) {
  if (!Is(token)) {
    Unexpected();
    return false;
  }
  Advance();
  return !failed();
}

bool ParserState::DepthAllowed(const Expr& expr) {
  if (expr.depth() > options_.max_depth) {
    Fail(expr.position.start,
         base::Concat("expression is nested deeper than ", options_.max_depth, " levels"));
    return false;
  }
  return true;
}

base::StatusOr<ExprPtr> ParserState::ParseQuery() {
  Advance();
  if (Is(Token::kEnd)) {
    Fail(0, "no expression found in input");
  }
  ExprPtr expr = failed() ? nullptr : ParseExpression(1);
  if (!failed() && !Is(Token::kEnd)) {
    Unexpected();
  }
  TH_RETURN_IF_ERROR(status_);
  TH_RETURN_IF_ERROR(CheckTree(query_, *expr));
  return expr;
}

base::StatusOr<std::vector<labels::Matcher>> ParserState::ParseSelectorOnly() {
  Advance();
  std::unique_ptr<VectorSelector> selector;
  if (!failed()) {
    if (MayBeMetricName(current_.token)) {
      const Item name = current_;
      Advance();
      selector = ParseSelector(&name);
    } else if (Is(Token::kLeftBrace)) {
      selector = ParseSelector(nullptr);
    } else {
      Unexpected();
    }
  }
  if (!failed() && !Is(Token::kEnd)) {
    Unexpected();
  }
  TH_RETURN_IF_ERROR(status_);
  return std::move(selector->matchers);
}

ExprPtr ParserState::ParseExpression(int min_precedence) {
  if (++nesting_ > options_.max_depth) {
    Fail(current_.start, base::Concat("expression is nested deeper than ", options_.max_depth, " levels"));
    return nullptr;
  }
  ExprPtr lhs = ParseUnary();
  while (!failed()) {
    const Token operation = current_.token;
    const int precedence = Precedence(operation);
    if (precedence == 0 || precedence < min_precedence) {
      break;
    }
    Advance();
    BinaryModifiers modifiers;
    if (failed() || !ParseBinaryModifiers(&modifiers)) {
      return nullptr;
    }
    // Only ^ is right associative.
    ExprPtr rhs = ParseExpression(operation == Token::kPow ? precedence : precedence + 1);
    if (failed()) {
      return nullptr;
    }
    const PositionRange position{lhs->position.start, rhs->position.end};
    auto binary = std::make_unique<BinaryExpr>(ToBinaryOp(operation), std::move(lhs), std::move(rhs));
    binary->position = position;
    binary->return_bool = modifiers.return_bool;
    binary->matching = std::move(modifiers.matching);
    if (!DepthAllowed(*binary)) {
      return nullptr;
    }
    lhs = std::move(binary);
  }
  --nesting_;
  return failed() ? nullptr : std::move(lhs);
}

bool ParserState::CountPart() {
  if (++num_parts_ > options_.max_parts) {
    Fail(current_.start, base::Concat("expression has more than ", options_.max_parts, " parts"));
  }
  return !failed();
}

ExprPtr ParserState::ParseUnary() {
  if (!CountPart()) {
    return nullptr;
  }
  if (!Is(Token::kAdd) && !Is(Token::kSub)) {
    return ParsePostfix();
  }
  const Item sign = current_;
  const bool minus = Is(Token::kSub);
  Advance();
  ExprPtr operand = failed() ? nullptr : ParseExpression(kPowPrecedence);
  if (failed()) {
    return nullptr;
  }
  if (auto* number = operand->As<NumberLiteral>()) {
    number->value = minus ? -number->value : number->value;
    number->position.start = sign.start;
    return operand;
  }
  const int end = operand->position.end;
  auto unary = std::make_unique<UnaryExpr>(minus, std::move(operand));
  unary->position = {sign.start, end};
  return DepthAllowed(*unary) ? std::move(unary) : nullptr;
}

ExprPtr ParserState::ParsePostfix() {
  ExprPtr expr = ParsePrimary();
  while (!failed()) {
    if (Is(Token::kOffset)) {
      ApplyOffset(*expr);
    } else if (Is(Token::kAt)) {
      ApplyAt(*expr);
    } else if (Is(Token::kLeftBracket)) {
      expr = ParseRange(std::move(expr));
    } else if (Is(Token::kIdentifier) && (base::EqualsIgnoreCase(current_.text, "smoothed") ||
                                          base::EqualsIgnoreCase(current_.text, "anchored"))) {
      ApplyWindowMode(*expr);
    } else {
      break;
    }
  }
  return failed() ? nullptr : std::move(expr);
}

ExprPtr ParserState::ParsePrimary() {
  const Item item = current_;
  switch (item.token) {
    case Token::kNumber:
    case Token::kDuration: {
      const std::optional<double> value = ParseNumber();
      if (!value.has_value()) {
        return nullptr;
      }
      auto literal = std::make_unique<NumberLiteral>(*value, item.token == Token::kDuration);
      literal->position = {item.start, item.end()};
      return literal;
    }
    case Token::kString: {
      auto literal = std::make_unique<StringLiteral>(Unquote(item.text));
      literal->position = {item.start, item.end()};
      Advance();
      return literal;
    }
    case Token::kLeftParen:
      return ParseParen();
    case Token::kLeftBrace:
      return ParseSelector(nullptr);
    default:
      break;
  }
  if (!MayBeMetricName(item.token)) {
    Unexpected();
    return nullptr;
  }
  return ParseNamed();
}

// Everything that begins with a word: a call, an aggregation or a selector.
ExprPtr ParserState::ParseNamed() {
  const Item name = current_;
  Advance();
  if (failed()) {
    return nullptr;
  }
  const bool may_be_function =
      name.token == Token::kIdentifier || name.token == Token::kStart || name.token == Token::kFinish;
  if (may_be_function && Is(Token::kLeftParen)) {
    return ParseCall(name);
  }
  if (IsAggregate(name.token) && (Is(Token::kLeftParen) || Is(Token::kBy) || Is(Token::kWithout))) {
    return ParseAggregate(name);
  }
  return ParseSelector(&name);
}

ExprPtr ParserState::ParseParen() {
  const int start = current_.start;
  Advance();
  ExprPtr inner = failed() ? nullptr : ParseExpression(1);
  if (failed() || !Expect(Token::kRightParen)) {
    return nullptr;
  }
  auto paren = std::make_unique<ParenExpr>(std::move(inner));
  paren->position = {start, previous_end_};
  return DepthAllowed(*paren) ? std::move(paren) : nullptr;
}

std::optional<std::vector<ExprPtr>> ParserState::ParseArguments() {
  if (!Expect(Token::kLeftParen)) {
    return std::nullopt;
  }
  std::vector<ExprPtr> arguments;
  while (!Is(Token::kRightParen)) {
    ExprPtr argument = ParseExpression(1);
    if (failed()) {
      return std::nullopt;
    }
    arguments.push_back(std::move(argument));
    if (!Is(Token::kComma)) {
      break;
    }
    const int comma = current_.start;
    Advance();
    if (!failed() && !MayStartExpression(current_.token)) {
      Fail(comma, "trailing commas not allowed in function call args");
    }
    if (failed()) {
      return std::nullopt;
    }
  }
  if (!Is(Token::kRightParen)) {
    Unexpected();
    return std::nullopt;
  }
  return arguments;
}

ExprPtr ParserState::ParseCall(const Item& name) {
  std::optional<std::vector<ExprPtr>> arguments = ParseArguments();
  if (!arguments.has_value()) {
    return nullptr;
  }
  const int end = current_.end();
  const FunctionSpec* function = FindFunction(name.text);
  if (function != nullptr && function->since == "thanos") {
    function = options_.enable_x_functions ? function : nullptr;
  } else if (function != nullptr && function->experimental && !options_.enable_experimental) {
    Fail(name.start, base::Concat("function ", base::Quote(name.text), " is not enabled"));
    return nullptr;
  }
  if (function == nullptr) {
    Fail(name.start, "unknown function with name " + base::Quote(name.text));
    return nullptr;
  }
  if (!Expect(Token::kRightParen)) {
    return nullptr;
  }
  auto call = std::make_unique<Call>(*function, *std::move(arguments));
  call->position = {name.start, end};
  return DepthAllowed(*call) ? std::move(call) : nullptr;
}

ExprPtr ParserState::ParseAggregate(const Item& operation) {
  ++open_aggregations_;
  Grouping grouping;
  const bool grouping_first = !Is(Token::kLeftParen);
  if (grouping_first && !ParseGrouping(&grouping)) {
    return nullptr;
  }
  std::optional<std::vector<ExprPtr>> arguments = ParseArguments();
  if (!arguments.has_value() || !Expect(Token::kRightParen)) {
    return nullptr;
  }
  if (!grouping_first && (Is(Token::kBy) || Is(Token::kWithout)) && !ParseGrouping(&grouping)) {
    return nullptr;
  }
  --open_aggregations_;
  return MakeAggregate(operation, *std::move(arguments), std::move(grouping));
}

ExprPtr ParserState::MakeAggregate(const Item& operation, std::vector<ExprPtr> arguments, Grouping grouping) {
  static_assert(static_cast<int>(Token::kLimitRatio) - static_cast<int>(Token::kSum) ==
                static_cast<int>(AggregateOp::kLimitRatio));
  const auto op = static_cast<AggregateOp>(static_cast<int>(operation.token) - static_cast<int>(Token::kSum));
  const int end = previous_end_;
  if (arguments.empty()) {
    Fail(operation.start, "no arguments for aggregate expression provided");
    return nullptr;
  }
  if (!options_.enable_experimental && (op == AggregateOp::kLimitk || op == AggregateOp::kLimitRatio)) {
    Fail(operation.start, base::Concat(ToString(op),
                                       "() is experimental and must be enabled with "
                                       "--enable-feature=promql-experimental-functions"));
    return nullptr;
  }
  const size_t wanted = HasParameter(op) ? 2 : 1;
  if (arguments.size() != wanted) {
    Fail(operation.start,
         base::Concat("wrong number of arguments for aggregate expression provided, expected ", wanted,
                      ", got ", arguments.size()));
    return nullptr;
  }
  ExprPtr parameter = wanted == 2 ? std::move(arguments[0]) : nullptr;
  auto aggregate =
      std::make_unique<AggregateExpr>(op, std::move(arguments[wanted - 1]), std::move(parameter));
  aggregate->grouping = std::move(grouping.labels);
  aggregate->without = grouping.without;
  aggregate->position = {operation.start, end};
  return DepthAllowed(*aggregate) ? std::move(aggregate) : nullptr;
}

bool ParserState::ParseGrouping(Grouping* grouping) {
  grouping->without = Is(Token::kWithout);
  Advance();
  std::optional<std::vector<std::string>> labels = failed() ? std::nullopt : ParseGroupingLabels();
  if (!labels.has_value()) {
    return false;
  }
  grouping->labels = *std::move(labels);
  return true;
}

std::optional<std::vector<std::string>> ParserState::ParseGroupingLabels() {
  static constexpr std::string_view kContext = "grouping opts";
  if (!Is(Token::kLeftParen)) {
    Unexpected(kContext, "\"(\"");
    return std::nullopt;
  }
  Advance();
  std::vector<std::string> labels;
  while (!failed() && !Is(Token::kRightParen)) {
    if (!Is(Token::kString) && !MayBeGroupingLabel(current_.token)) {
      Unexpected(kContext, "label");
      return std::nullopt;
    }
    std::string label = Is(Token::kString) ? Unquote(current_.text) : std::string(current_.text);
    if (label.empty() || !base::IsValidUtf8(label)) {
      Fail(current_.start, "invalid label name for grouping: " + base::Quote(label));
      return std::nullopt;
    }
    labels.push_back(std::move(label));
    Advance();
    if (Is(Token::kComma)) {
      Advance();
    } else if (!failed() && !Is(Token::kRightParen)) {
      Unexpected(kContext, "\",\" or \")\"");
    }
  }
  if (failed()) {
    return std::nullopt;
  }
  Advance();
  return failed() ? std::nullopt : std::optional(std::move(labels));
}

bool ParserState::ParseBinaryModifiers(BinaryModifiers* modifiers) {
  if (Is(Token::kBool)) {
    modifiers->return_bool = true;
    Advance();
  }
  VectorMatching& matching = modifiers->matching;
  if (!failed() && (Is(Token::kOn) || Is(Token::kIgnoring))) {
    matching.on = Is(Token::kOn);
    Advance();
    std::optional<std::vector<std::string>> labels = failed() ? std::nullopt : ParseGroupingLabels();
    if (!labels.has_value()) {
      return false;
    }
    matching.labels = *std::move(labels);
    if (Is(Token::kGroupLeft) || Is(Token::kGroupRight)) {
      matching.cardinality =
          Is(Token::kGroupLeft) ? MatchCardinality::kManyToOne : MatchCardinality::kOneToMany;
      Advance();
      if (!failed() && Is(Token::kLeftParen)) {
        labels = ParseGroupingLabels();
        if (!labels.has_value()) {
          return false;
        }
        matching.include = *std::move(labels);
      }
    }
  }
  while (!failed() && AtFill()) {
    const bool twice = matching.fill_left.has_value() && matching.fill_right.has_value();
    if (twice || !ParseFill(&matching)) {
      Unexpected();
      return false;
    }
  }
  return !failed();
}

bool ParserState::AtFill() const {
  return IsFill(current_) && lexer_.FollowedByLeftParen();
}

// fill(number), or fill_left and fill_right in any order, each once.
bool ParserState::ParseFill(VectorMatching* matching) {
  const Item word = current_;
  const bool both = base::EqualsIgnoreCase(word.text, "fill");
  const bool left = both || base::EqualsIgnoreCase(word.text, "fill_left");
  const bool right = both || base::EqualsIgnoreCase(word.text, "fill_right");
  if ((left && matching->fill_left.has_value()) || (right && matching->fill_right.has_value())) {
    return false;
  }
  Advance();
  if (failed() || !Expect(Token::kLeftParen)) {
    return false;
  }
  const std::optional<double> value = ParseSignedNumber();
  if (!value.has_value()) {
    Unexpected();
  }
  if (failed() || !Expect(Token::kRightParen)) {
    return false;
  }
  if (!options_.enable_fill_modifiers) {
    Fail(word.start, "binop fill modifiers are experimental and not enabled");
    return false;
  }
  matching->fill_left = left ? value : matching->fill_left;
  matching->fill_right = right ? value : matching->fill_right;
  return true;
}

}  // namespace internal
}  // namespace thanos::promql_parser
