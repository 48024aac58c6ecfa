#pragma once

// Query text -> tokens, with the states and error texts of Prometheus' scanner.

#include <cstdint>
#include <string>
#include <string_view>

namespace thanos::promql_parser::internal {

enum class Token : uint8_t {
  kEnd,
  kError,  // `text` of the item is the message
  kIdentifier,
  kMetricIdentifier,  // holds a colon
  kString,            // with its quotes
  kNumber,
  kDuration,
  kLeftParen,
  kRightParen,
  kLeftBrace,
  kRightBrace,
  kLeftBracket,
  kRightBracket,
  kComma,
  kColon,
  kAssign,
  // Operators.
  kAdd,
  kSub,
  kMul,
  kDiv,
  kMod,
  kPow,
  kAtan2,
  kEqual,
  kNotEqual,
  kLess,
  kLessOrEqual,
  kGreater,
  kGreaterOrEqual,
  kAnd,
  kOr,
  kUnless,
  kRegexMatch,
  kRegexNotMatch,
  kAt,
  // Aggregations, in the order of AggregateOp.
  kSum,
  kAvg,
  kMin,
  kMax,
  kCount,
  kGroup,
  kStddev,
  kStdvar,
  kTopk,
  kBottomk,
  kQuantile,
  kCountValues,
  kLimitk,
  kLimitRatio,
  // Keywords.
  kBool,
  kBy,
  kGroupLeft,
  kGroupRight,
  kIgnoring,
  kOffset,
  kOn,
  kWithout,
  // Preprocessors of @.
  kStart,
  kFinish,  // "end"
};

constexpr bool IsOperator(Token token) {
  return token >= Token::kAdd && token <= Token::kAt;
}
constexpr bool IsAggregate(Token token) {
  return token >= Token::kSum && token <= Token::kLimitRatio;
}
constexpr bool IsKeyword(Token token) {
  return token >= Token::kBool && token <= Token::kWithout;
}

struct Item {
  Token token = Token::kEnd;
  int start = 0;  // byte offset
  // A view into the input; for kError into the lexer, valid until it is destroyed.
  std::string_view text;
  int end() const { return start + static_cast<int>(text.size()); }
};

// "identifier \"foo\"", "<op:+>", "end of input", ...: the words of "unexpected ..." messages.
std::string Describe(const Item& item);

// One pass over `input`, which must outlive the lexer and its items. After kError and kEnd every further item
// is kEnd.
class Lexer {
 public:
  explicit Lexer(std::string_view input) : input_(input) {}
  // Comments are skipped.
  Item Next();
  // Whether the next character that is no white space is a left parenthesis.
  bool FollowedByLeftParen() const;

 private:
  // A code point; -1 at the end, 0xfffd for an invalid byte.
  int32_t NextRune();
  int32_t PeekRune();
  void Backup() { pos_ -= width_; }
  bool Accept(std::string_view valid);
  void AcceptRun(std::string_view valid);
  bool NextIs(std::string_view valid);

  Item Emit(Token token);
  Item Error(std::string message);

  Item LexStatement();
  Item LexInsideBraces();
  Item LexDurationExpression();
  // Whether the letters at start_ are a word of duration expressions; consumes them.
  bool AcceptDurationWord();
  Item LexOperator(int32_t rune);
  Item LexBracketOrParen(int32_t rune);
  Item LexString(int32_t quote);
  Item LexRawString();
  // Empty when the escape after a backslash is fine, else the message.
  std::string CheckEscape(int32_t quote);
  Item LexNumberOrDuration();
  bool ScanNumber();
  bool AcceptRemainingDuration();
  Item LexIdentifier();
  Item LexKeywordOrIdentifier();
  void SkipSpaceAndComments();

  std::string_view input_;
  size_t pos_ = 0;
  size_t start_ = 0;
  size_t width_ = 0;
  int paren_depth_ = 0;
  bool brace_open_ = false;
  bool bracket_open_ = false;
  bool duration_expression_ = false;  // between "[" and its first number
  bool duration_seen_ = false;        // a word such as step() stood in this bracket
  bool got_colon_ = false;
  bool done_ = false;
  std::string error_;
};

}  // namespace thanos::promql_parser::internal
