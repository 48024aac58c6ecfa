#pragma once

// PromQL text -> checked syntax tree. Grammar, precedence, type rules and error texts are those of
// Prometheus 3.5.

#include <string>
#include <string_view>
#include <vector>

#include "base/status.h"
#include "labels/matcher.h"
#include "promql_parser/ast.h"

namespace thanos::promql_parser {

struct ParserOptions {
  // Experimental functions, limitk and limit_ratio.
  bool enable_experimental = false;
  // xrate, xincrease and xdelta.
  bool enable_x_functions = false;
  // Arithmetic, step(), range(), min_of() and max_of() in ranges, subquery steps and offsets.
  bool enable_duration_expressions = false;
  // The modifiers `anchored` and `smoothed`.
  bool enable_extended_range_selectors = false;
  // The binary modifiers fill(), fill_left() and fill_right().
  bool enable_fill_modifiers = false;
  // Deepest tree; bounds the recursion of everything that walks it. A chain "a + b + c" is as deep as it is
  // long.
  int max_depth = 1000;
  // Most operands and matchers, and most bytes of all compiled regular expressions together: they bound the
  // memory of a tree.
  int max_parts = 50'000;
  int64_t max_regex_bytes = int64_t{64} << 20;
};

// InvalidArgument with "line:column: parse error: ..." (columns count bytes from 1).
base::StatusOr<ExprPtr> Parse(std::string_view query, const ParserOptions& options = {});

// "line:column" of a byte offset into `query`; both count from 1, columns in bytes.
std::string LineAndColumn(std::string_view query, int position);

// A vector selector without modifiers, as in match[] parameters. A selector that matches everything is no
// error here.
base::StatusOr<std::vector<labels::Matcher>> ParseMetricSelector(std::string_view selector);

}  // namespace thanos::promql_parser
