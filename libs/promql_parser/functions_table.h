#pragma once

// The one table of PromQL function signatures. The parser checks calls against it; the engine attaches its
// kernels to the same entries, and a test there fails when one is missing.

#include <cstdint>
#include <span>
#include <string_view>

#include "promql_parser/value_type.h"

namespace thanos::promql_parser {

struct FunctionSpec {
  std::string_view name;
  // Types of the arguments, in order; the last one repeats for variadic functions.
  std::span<const ValueType> arguments;
  // As in Prometheus. 0: exactly arguments.size() arguments. n > 0: the last entry may be missing or come up
  // to n times. -1: the last entry may be missing or come any number of times.
  int variadic = 0;
  ValueType result = ValueType::kVector;
  bool experimental = false;
  // Prometheus release that introduced it ("" when it was always there).
  std::string_view since = {};

  int min_arguments() const { return static_cast<int>(arguments.size()) - (variadic == 0 ? 0 : 1); }
  // -1: unlimited
  int max_arguments() const { return variadic < 0 ? -1 : min_arguments() + variadic; }
};

// All functions, sorted by name.
std::span<const FunctionSpec> Functions();
// Null when unknown. Names are case-sensitive.
const FunctionSpec* FindFunction(std::string_view name);

}  // namespace thanos::promql_parser
