#pragma once

// The one table of how the engine evaluates each PromQL function.

#include <span>
#include <string_view>

#include "promql/functions/element.h"
#include "promql/functions/range.h"

namespace thanos::promql {

enum class FunctionKind : uint8_t {
  kElement,  // instant vector (then scalars) -> instant vector, sample by sample; drops the name
  kDate,     // as kElement, over the evaluation time when there is no argument
  kRange,    // range vector and scalars -> instant vector, series by series
  kSpecial,  // needs more than one series, labels or strings; see evaluator_functions.cc
  kScalar,   // gives a scalar
};

struct FunctionEntry {
  std::string_view name;
  FunctionKind kind = FunctionKind::kSpecial;
  ElementKernel element = nullptr;  // kElement, kDate
  RangeKernel range = nullptr;      // kRange
  bool keeps_name = false;          // kRange
  bool expects_counter = false;     // kRange: annotate names that do not look like a counter's
};

// Sorted by name.
std::span<const FunctionEntry> FunctionTable();
// Null when unknown.
const FunctionEntry* FindFunctionEntry(std::string_view name);

}  // namespace thanos::promql
