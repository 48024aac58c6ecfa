#pragma once

// The parser proper: one token of lookahead, one method per rule. The first error stops everything.

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/status.h"
#include "promql_parser/ast.h"
#include "promql_parser/internal/lexer.h"
#include "promql_parser/parser.h"

namespace thanos::promql_parser::internal {

// "line:column: parse error: message" as InvalidArgument.
base::Status ParseErrorAt(std::string_view query, int position, std::string_view message);

// Checks types and the rules that go beyond the grammar; completes BinaryExpr::matching. Returns the first
// violation.
base::Status CheckTree(std::string_view query, Expr& root);

class ParserState {
 public:
  ParserState(std::string_view query, const ParserOptions& options)
      : query_(query), options_(options), lexer_(query) {}

  base::StatusOr<ExprPtr> ParseQuery();
  base::StatusOr<std::vector<labels::Matcher>> ParseSelectorOnly();

 private:
  // What stands between a binary operator and its right side.
  struct BinaryModifiers {
    bool return_bool = false;
    VectorMatching matching;
  };
  struct Grouping {
    std::vector<std::string> labels;
    bool without = false;
  };

  // Where a duration stands, for Unexpected(); ranges and steps are positive, offsets need not be.
  struct DurationContext {
    bool positive = true;
    std::string_view name;
    std::string_view expected;
  };
  // A number of milliseconds, or an expression that gives one later.
  struct ParsedDuration {
    int64_t milliseconds = 0;
    DurationExprPtr expr;
  };

  // All Parse methods return null, false or nullopt after a failure, which status_ tells.
  void Advance();
  bool Is(Token token) const { return current_.token == token; }
  bool failed() const { return !status_.ok(); }
  void Fail(int position, std::string_view message);
  // "unexpected <current token> in <context>, expected <expected>".
  void Unexpected(std::string_view context = "", std::string_view expected = "");
  // Consumes `token` or fails with Unexpected().
  bool Expect(Token token);
  bool DepthAllowed(const Expr& expr);
  // Counts an operand or matcher; false when there are too many.
  bool CountPart();

  ExprPtr ParseExpression(int min_precedence);
  ExprPtr ParseUnary();
  ExprPtr ParsePostfix();
  ExprPtr ParsePrimary();
  ExprPtr ParseNamed();
  ExprPtr ParseParen();
  ExprPtr ParseCall(const Item& name);
  // Up to the closing parenthesis, which stays the current token.
  std::optional<std::vector<ExprPtr>> ParseArguments();

  ExprPtr ParseAggregate(const Item& operation);
  ExprPtr MakeAggregate(const Item& operation, std::vector<ExprPtr> arguments, Grouping grouping);
  bool ParseGrouping(Grouping* grouping);
  std::optional<std::vector<std::string>> ParseGroupingLabels();
  bool ParseBinaryModifiers(BinaryModifiers* modifiers);
  bool ParseFill(VectorMatching* matching);
  // Whether the current word is fill, fill_left or fill_right before a parenthesis.
  bool AtFill() const;

  std::unique_ptr<VectorSelector> ParseSelector(const Item* name);
  bool ParseMatchers(VectorSelector* selector);
  bool ParseMatcher(VectorSelector* selector);
  void AddMatcher(VectorSelector* selector, const Item& label, std::string name, Token op, const Item& value);

  ExprPtr ParseRange(ExprPtr expr);
  ExprPtr MakeMatrix(ExprPtr expr, ParsedDuration range, const Item& bracket);
  bool ApplyOffset(Expr& expr);
  bool ApplyAt(Expr& expr);
  void SetAt(Expr& expr, AtModifier at);
  bool ApplyWindowMode(Expr& expr);

  // A number or duration token in seconds.
  std::optional<double> ParseNumber();
  // With optional signs.
  std::optional<double> ParseSignedNumber();

  // duration_parser.cc
  std::optional<ParsedDuration> ParseDuration(const DurationContext& context);
  DurationExprPtr ParseDurationExpr(int min_precedence, const DurationContext& context);
  DurationExprPtr ParseDurationUnary(bool operand_is_primary, const DurationContext& context);
  DurationExprPtr ParseDurationPrimary(const DurationContext& context);
  DurationExprPtr ParseDurationWord(const DurationContext& context);
  bool AllowDurationArithmetic(int position);

  std::string_view query_;
  const ParserOptions& options_;
  Lexer lexer_;
  Item current_;
  int previous_end_ = 0;  // end of the token before current_
  base::Status status_;
  int nesting_ = 0;
  int open_aggregations_ = 0;
  int num_parts_ = 0;
  int64_t regex_bytes_ = 0;
};

}  // namespace thanos::promql_parser::internal
