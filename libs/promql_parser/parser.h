#pragma once

// PromQL text -> checked syntax tree. Grammar, precedence, type rules and error texts are those of
// Prometheus 3.5.

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
  // Deepest tree; bounds the recursion of everything that walks it. A chain "a + b + c" is as deep as it is
  // long.
  int max_depth = 1000;
};

// InvalidArgument with "line:column: parse error: ..." (columns count bytes from 1).
base::StatusOr<ExprPtr> Parse(std::string_view query, const ParserOptions& options = {});

// A vector selector without modifiers, as in match[] parameters. A selector that matches everything is no
// error here.
base::StatusOr<std::vector<labels::Matcher>> ParseMetricSelector(std::string_view selector);

}  // namespace thanos::promql_parser
