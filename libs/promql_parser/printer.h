#pragma once

// Syntax tree -> text. Both forms parse back to an equal tree.

#include <string>

#include "promql_parser/ast.h"

namespace thanos::promql_parser {

// One line, spaced like Prometheus prints expressions.
std::string Print(const Expr& expr);

// Like Print, with parts longer than 100 characters broken over indented lines (the answer of format_query).
std::string Format(const Expr& expr);

// A number as both print it: shortest digits that read back as the same, never with an exponent.
std::string FormatNumber(double value);

}  // namespace thanos::promql_parser
