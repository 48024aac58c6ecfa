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

  ExprPtr ParseExpression(int min_precedence);
  ExprPtr ParseUnary();
  ExprPtr ParsePostfix();
  ExprPtr ParsePrimary();
  ExprPtr ParseNamed();
  ExprPtr ParseParen();
  ExprPtr ParseCall(const Item& name);
  std::optional<std::vector<ExprPtr>> ParseArguments();

  ExprPtr ParseAggregate(const Item& operation);
  ExprPtr MakeAggregate(const Item& operation, std::vector<ExprPtr> arguments, Grouping grouping);
  bool ParseGrouping(Grouping* grouping);
  std::optional<std::vector<std::string>> ParseGroupingLabels();
  bool ParseBinaryModifiers(BinaryModifiers* modifiers);

  std::unique_ptr<VectorSelector> ParseSelector(const Item* name);
  bool ParseMatchers(VectorSelector* selector);
  bool ParseMatcher(VectorSelector* selector);
  void AddMatcher(VectorSelector* selector, const Item& label, std::string name, Token op, const Item& value);

  ExprPtr ParseRange(ExprPtr expr);
  ExprPtr MakeMatrix(ExprPtr expr, int64_t range_ms, const Item& bracket);
  bool ApplyOffset(Expr& expr);
  bool ApplyAt(Expr& expr);
  void SetAt(Expr& expr, AtModifier at);

  // A number or duration token in seconds.
  std::optional<double> ParseNumber();
  // With optional signs.
  std::optional<double> ParseSignedNumber();
  // A duration in milliseconds; `context` and `expected` are for Unexpected().
  std::optional<int64_t> ParseDuration(bool positive, std::string_view context, std::string_view expected);

  std::string_view query_;
  const ParserOptions& options_;
  Lexer lexer_;
  Item current_;
  int previous_end_ = 0;  // end of the token before current_
  base::Status status_;
  int nesting_ = 0;
  int open_aggregations_ = 0;
};

}  // namespace thanos::promql_parser::internal
