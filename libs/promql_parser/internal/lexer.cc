#include "promql_parser/internal/lexer.h"

#include <algorithm>
#include <array>
#include <cstdio>
#include <utility>

#include "base/strings.h"
#include "promql_parser/internal/utf8.h"

namespace thanos::promql_parser::internal {
namespace {

constexpr int32_t kEof = -1;

bool IsSpace(int32_t rune) {
  return rune == ' ' || rune == '\t' || rune == '\n' || rune == '\r';
}
bool IsDigit(int32_t rune) {
  return rune >= '0' && rune <= '9';
}
bool IsAlpha(int32_t rune) {
  return rune == '_' || (rune >= 'a' && rune <= 'z') || (rune >= 'A' && rune <= 'Z');
}
bool IsAlphaNumeric(int32_t rune) {
  return IsAlpha(rune) || IsDigit(rune);
}

int DigitValue(int32_t rune) {
  if (IsDigit(rune)) {
    return rune - '0';
  }
  if (rune >= 'a' && rune <= 'f') {
    return rune - 'a' + 10;
  }
  if (rune >= 'A' && rune <= 'F') {
    return rune - 'A' + 10;
  }
  return 16;  // larger than any digit
}

// "U+0041 'A'", like Go's %#U.
std::string UnicodeName(int32_t rune) {
  char buffer[16];
  std::snprintf(buffer, sizeof(buffer), "U+%04X", static_cast<unsigned>(rune));
  std::string out = buffer;
  if (IsPrintable(rune)) {
    out += " '";
    AppendUtf8(out, rune);
    out += '\'';
  }
  return out;
}

struct Keyword {
  std::string_view word;
  Token token;
};
constexpr Keyword kKeywords[] = {
    {"and", Token::kAnd},
    {"or", Token::kOr},
    {"unless", Token::kUnless},
    {"atan2", Token::kAtan2},
    {"sum", Token::kSum},
    {"avg", Token::kAvg},
    {"count", Token::kCount},
    {"min", Token::kMin},
    {"max", Token::kMax},
    {"group", Token::kGroup},
    {"stddev", Token::kStddev},
    {"stdvar", Token::kStdvar},
    {"topk", Token::kTopk},
    {"bottomk", Token::kBottomk},
    {"count_values", Token::kCountValues},
    {"quantile", Token::kQuantile},
    {"limitk", Token::kLimitk},
    {"limit_ratio", Token::kLimitRatio},
    {"offset", Token::kOffset},
    {"by", Token::kBy},
    {"without", Token::kWithout},
    {"on", Token::kOn},
    {"ignoring", Token::kIgnoring},
    {"group_left", Token::kGroupLeft},
    {"group_right", Token::kGroupRight},
    {"bool", Token::kBool},
    {"start", Token::kStart},
    {"end", Token::kFinish},
    {"inf", Token::kNumber},
    {"nan", Token::kNumber},
};
constexpr size_t kLongestKeyword = 12;

Token KeywordToken(std::string_view word) {
  if (word.size() <= kLongestKeyword) {
    for (const Keyword& keyword : kKeywords) {
      if (keyword.word.size() == word.size() && base::EqualsIgnoreCase(keyword.word, word)) {
        return keyword.token;
      }
    }
  }
  return word.find(':') == std::string_view::npos ? Token::kIdentifier : Token::kMetricIdentifier;
}

// The first ten code points quoted, as Go's %.10q.
std::string QuoteShort(std::string_view text) {
  size_t pos = 0;
  for (int i = 0; i < 10 && pos < text.size(); ++i) {
    size_t width = 0;
    DecodeRune(text.substr(pos), &width);
    pos += width;
  }
  return base::Quote(text.substr(0, pos)) + "...";
}

}  // namespace

std::string Describe(const Item& item) {
  switch (item.token) {
    case Token::kEnd:
      return "end of input";
    case Token::kIdentifier:
      return "identifier " + base::Quote(item.text);
    case Token::kMetricIdentifier:
      return "metric identifier " + base::Quote(item.text);
    default:
      break;
  }
  if (IsKeyword(item.token)) {
    return base::Concat("<", item.text, ">");
  }
  if (IsOperator(item.token)) {
    return base::Concat("<op:", item.text, ">");
  }
  if (IsAggregate(item.token)) {
    return base::Concat("<aggr:", item.text, ">");
  }
  std::string text = item.text.size() > 10 ? QuoteShort(item.text) : base::Quote(item.text);
  switch (item.token) {
    case Token::kString:
      return "string " + text;
    case Token::kNumber:
      return "number " + text;
    case Token::kDuration:
      return "duration " + text;
    default:
      return text;
  }
}

int32_t Lexer::NextRune() {
  if (pos_ >= input_.size()) {
    width_ = 0;
    return kEof;
  }
  const int32_t rune = DecodeRune(input_.substr(pos_), &width_);
  pos_ += width_;
  return rune;
}

int32_t Lexer::PeekRune() {
  const int32_t rune = NextRune();
  Backup();
  return rune;
}

bool Lexer::NextIs(std::string_view valid) {
  return pos_ < input_.size() && valid.find(input_[pos_]) != std::string_view::npos;
}

bool Lexer::Accept(std::string_view valid) {
  if (!NextIs(valid)) {
    return false;
  }
  ++pos_;
  return true;
}

void Lexer::AcceptRun(std::string_view valid) {
  while (Accept(valid)) {
  }
}

Item Lexer::Emit(Token token) {
  const Item item{token, static_cast<int>(start_), input_.substr(start_, pos_ - start_)};
  start_ = pos_;
  return item;
}

Item Lexer::Error(std::string message) {
  error_ = std::move(message);
  done_ = true;
  return {Token::kError, static_cast<int>(start_), error_};
}

void Lexer::SkipSpaceAndComments() {
  while (pos_ < input_.size()) {
    const char c = input_[pos_];
    if (IsSpace(c)) {
      ++pos_;
    } else if (c == '#' && !duration_expression_) {
      while (pos_ < input_.size() && input_[pos_] != '\n' && input_[pos_] != '\r') {
        ++pos_;
      }
    } else {
      break;
    }
  }
  start_ = pos_;
}

Item Lexer::Next() {
  if (done_) {
    start_ = pos_ = input_.size();
    return Emit(Token::kEnd);
  }
  SkipSpaceAndComments();
  if (brace_open_) {
    return LexInsideBraces();
  }
  return duration_expression_ ? LexDurationExpression() : LexStatement();
}

Item Lexer::LexStatement() {
  const int32_t rune = NextRune();
  if (rune == kEof) {
    if (paren_depth_ != 0) {
      return Error("unclosed left parenthesis");
    }
    if (bracket_open_) {
      return Error("unclosed left bracket");
    }
    done_ = true;
    return Emit(Token::kEnd);
  }
  if (IsDigit(rune) || (rune == '.' && IsDigit(PeekRune()))) {
    width_ = 1;
    Backup();
    return LexNumberOrDuration();
  }
  if (rune == '"' || rune == '\'') {
    return LexString(rune);
  }
  if (rune == '`') {
    return LexRawString();
  }
  if (IsAlpha(rune) || rune == ':') {
    if (!bracket_open_) {
      Backup();
      return LexKeywordOrIdentifier();
    }
    if (rune == ':') {
      if (std::exchange(got_colon_, true)) {
        return Error("unexpected colon ':'");
      }
      return Emit(Token::kColon);
    }
    if (AcceptDurationWord()) {
      return Emit(Token::kIdentifier);
    }
    return Error(base::Concat("unexpected character: ", QuoteRune(rune), ", expected ':'"));
  }
  switch (rune) {
    case '(':
    case ')':
    case '{':
    case '[':
    case ']':
      return LexBracketOrParen(rune);
    default:
      return LexOperator(rune);
  }
}

Item Lexer::LexOperator(int32_t rune) {
  switch (rune) {
    case ',':
      return Emit(Token::kComma);
    case '*':
      return Emit(Token::kMul);
    case '/':
      return Emit(Token::kDiv);
    case '%':
      return Emit(Token::kMod);
    case '+':
      return Emit(Token::kAdd);
    case '-':
      return Emit(Token::kSub);
    case '^':
      return Emit(Token::kPow);
    case '@':
      return Emit(Token::kAt);
    case '<':
      return Accept("=") ? Emit(Token::kLessOrEqual) : Emit(Token::kLess);
    case '>':
      return Accept("=") ? Emit(Token::kGreaterOrEqual) : Emit(Token::kGreater);
    case '=':
      if (NextIs("~")) {
        return Error("unexpected character after '=': '~'");
      }
      return Accept("=") ? Emit(Token::kEqual) : Emit(Token::kAssign);
    case '!':
      if (const int32_t next = NextRune(); next != '=') {
        return Error("unexpected character after '!': " + QuoteRune(next));
      }
      return Emit(Token::kNotEqual);
    default:
      return Error("unexpected character: " + QuoteRune(rune));
  }
}

Item Lexer::LexBracketOrParen(int32_t rune) {
  switch (rune) {
    case '(':
      ++paren_depth_;
      return Emit(Token::kLeftParen);
    case ')':
      if (--paren_depth_ < 0) {
        start_ = pos_;
        return Error("unexpected right parenthesis ')'");
      }
      return Emit(Token::kRightParen);
    case '{':
      brace_open_ = true;
      return Emit(Token::kLeftBrace);
    case '[':
      if (bracket_open_) {
        return Error("unexpected left bracket '['");
      }
      got_colon_ = false;
      bracket_open_ = true;
      duration_expression_ = true;
      duration_seen_ = false;
      return Emit(Token::kLeftBracket);
    default:
      if (!bracket_open_) {
        return Error("unexpected right bracket ']'");
      }
      bracket_open_ = false;
      return Emit(Token::kRightBracket);
  }
}

// Between "[" and the first number: the arithmetic of duration expressions is tokenised, and refused by the
// parser.
Item Lexer::LexDurationExpression() {
  const int32_t rune = NextRune();
  switch (rune) {
    case kEof:
      return Error("unexpected end of input in duration expression");
    case ']':
      bracket_open_ = false;
      duration_expression_ = false;
      return Emit(Token::kRightBracket);
    case ':':
      // After a word such as step(); a number would have ended this state.
      if (duration_seen_) {
        if (std::exchange(got_colon_, true)) {
          return Error("unexpected repeated colon in duration expression");
        }
        return Emit(Token::kColon);
      }
      start_ = pos_;
      return Error("unexpected colon before duration in duration expression");
    case '(':
    case ')':
      return LexBracketOrParen(rune);
    default:
      break;
  }
  if (rune < 128 && std::string_view("+-*/%^,").find(static_cast<char>(rune)) != std::string_view::npos) {
    return LexOperator(rune);
  }
  if (IsDigit(rune) || (rune == '.' && IsDigit(PeekRune()))) {
    width_ = 1;
    Backup();
    duration_expression_ = false;
    return LexNumberOrDuration();
  }
  if (IsAlpha(rune)) {
    if (AcceptDurationWord()) {
      duration_seen_ = true;
      return Emit(Token::kIdentifier);
    }
  }
  return Error("unexpected character in duration expression: " + QuoteRune(rune));
}

bool Lexer::AcceptDurationWord() {
  static constexpr std::string_view kWords[] = {"step", "range", "min_of", "max_of", "min", "max"};
  while (pos_ < input_.size() && IsAlpha(input_[pos_])) {
    ++pos_;
  }
  const std::string word = base::ToLower(input_.substr(start_, pos_ - start_));
  return std::ranges::find(kWords, word) != std::end(kWords);
}

bool Lexer::FollowedByLeftParen() const {
  const size_t next = input_.find_first_not_of(" \t\r\n", pos_);
  return next != std::string_view::npos && input_[next] == '(';
}

Item Lexer::LexInsideBraces() {
  const int32_t rune = NextRune();
  if (rune == kEof) {
    return Error("unexpected end of input inside braces");
  }
  if (IsAlpha(rune)) {
    return LexIdentifier();
  }
  switch (rune) {
    case ',':
      return Emit(Token::kComma);
    case '"':
    case '\'':
      return LexString(rune);
    case '`':
      return LexRawString();
    case '=':
      return Accept("~") ? Emit(Token::kRegexMatch) : Emit(Token::kAssign);
    case '!':
      if (Accept("~")) {
        return Emit(Token::kRegexNotMatch);
      }
      if (Accept("=")) {
        return Emit(Token::kNotEqual);
      }
      return Error("unexpected character after '!' inside braces: " + QuoteRune(NextRune()));
    case '{':
      return Error("unexpected left brace '{'");
    case '}':
      brace_open_ = false;
      return Emit(Token::kRightBrace);
    default:
      return Error("unexpected character inside braces: " + QuoteRune(rune));
  }
}

std::string Lexer::CheckEscape(int32_t quote) {
  int32_t rune = NextRune();
  int digits = 0;
  int base = 0;
  uint32_t limit = 0;
  if (rune == quote ||
      (rune > 0 && rune < 128 &&
       std::string_view("abfnrtv\\").find(static_cast<char>(rune)) != std::string_view::npos)) {
    return "";
  }
  if (rune >= '0' && rune <= '7') {
    digits = 3, base = 8, limit = 255;
  } else if (rune == 'x') {
    digits = 2, base = 16, limit = 255;
  } else if (rune == 'u') {
    digits = 4, base = 16, limit = kMaxRune;
  } else if (rune == 'U') {
    digits = 8, base = 16, limit = kMaxRune;
  } else {
    return rune == kEof ? "escape sequence not terminated" : "unknown escape sequence " + UnicodeName(rune);
  }
  if (base == 16) {
    rune = NextRune();
  }
  uint32_t value = 0;
  for (int i = 0; i < digits; ++i) {
    const int digit = DigitValue(rune);
    if (digit >= base) {
      return rune == kEof ? "escape sequence not terminated"
                          : base::Concat("illegal character ", UnicodeName(rune), " in escape sequence");
    }
    value = value * static_cast<uint32_t>(base) + static_cast<uint32_t>(digit);
    if (i + 1 < digits) {
      rune = NextRune();
    }
  }
  if (value > limit || (value >= 0xD800 && value < 0xE000)) {
    return "escape sequence is an invalid Unicode code point";
  }
  return "";
}

Item Lexer::LexString(int32_t quote) {
  while (true) {
    const int32_t rune = NextRune();
    if (rune == '\\') {
      if (std::string error = CheckEscape(quote); !error.empty()) {
        return Error(std::move(error));
      }
    } else if (rune == kInvalidRune) {
      return Error("invalid UTF-8 rune");
    } else if (rune == kEof || rune == '\n') {
      return Error("unterminated quoted string");
    } else if (rune == quote) {
      return Emit(Token::kString);
    }
  }
}

Item Lexer::LexRawString() {
  while (true) {
    const int32_t rune = NextRune();
    if (rune == kInvalidRune) {
      return Error("invalid UTF-8 rune");
    }
    if (rune == kEof) {
      return Error("unterminated raw string");
    }
    if (rune == '`') {
      return Emit(Token::kString);
    }
  }
}

Item Lexer::LexNumberOrDuration() {
  if (ScanNumber()) {
    return Emit(Token::kNumber);
  }
  if (AcceptRemainingDuration()) {
    return Emit(Token::kDuration);
  }
  return Error("bad number or duration syntax: " + base::Quote(input_.substr(start_, pos_ - start_)));
}

bool Lexer::AcceptRemainingDuration() {
  if (!Accept("smhdwy")) {
    return false;
  }
  // The second letter of "ms"; wrong units such as "hs" are found when the duration is parsed.
  Accept("s");
  while (Accept("0123456789")) {
    AcceptRun("0123456789");
    if (!Accept("smhdw")) {
      return false;
    }
    Accept("s");
  }
  if (const int32_t next = NextRune(); IsAlphaNumeric(next)) {
    return false;
  }
  Backup();
  return true;
}

// Accepts more than a number is; what it lets through is checked when the number is parsed.
bool Lexer::ScanNumber() {
  const size_t initial = pos_;
  std::string_view digits = "0123456789";
  if (Accept("0") && Accept("xX")) {
    Accept("_");
    digits = "0123456789abcdefABCDEF";
  }
  const bool hex = digits.size() > 10;
  Accept(".");
  Accept(digits);
  bool dot_seen = false;
  bool exponent_seen = false;
  while (NextIs(digits) || NextIs("._eE")) {
    if (NextIs(".")) {
      if (std::exchange(dot_seen, true)) {
        ++pos_;
        return false;
      }
      ++pos_;
      if (Accept("_.") || hex) {
        return false;
      }
    } else if (NextIs("eE")) {
      if (std::exchange(exponent_seen, true)) {
        ++pos_;
        return false;
      }
      ++pos_;
      Accept("+-");
      if (Accept("._eE") || pos_ == input_.size()) {
        return false;
      }
    } else if (Accept("_")) {
      if (Accept("._eE") || pos_ == input_.size()) {
        return false;
      }
    } else {
      AcceptRun(digits);
    }
  }
  return pos_ != initial && !IsAlphaNumeric(PeekRune());
}

Item Lexer::LexIdentifier() {
  while (pos_ < input_.size() && IsAlphaNumeric(input_[pos_])) {
    ++pos_;
  }
  return Emit(Token::kIdentifier);
}

Item Lexer::LexKeywordOrIdentifier() {
  while (pos_ < input_.size() && (IsAlphaNumeric(input_[pos_]) || input_[pos_] == ':')) {
    ++pos_;
  }
  return Emit(KeywordToken(input_.substr(start_, pos_ - start_)));
}

}  // namespace thanos::promql_parser::internal
