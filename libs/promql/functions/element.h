#pragma once

// Kernels of functions and operators that map one sample to one sample (or none), called once per series.

#include <span>
#include <vector>

#include "promql/block.h"
#include "promql/step_grid.h"
#include "promql_parser/ast.h"

namespace thanos::promql {

struct ElementInput {
  // One column of values.size() entries per scalar argument, in order.
  std::span<const std::vector<double>> scalars;
  std::span<double> values;
};

// Rewrites `values` in place; absent entries stay absent, present ones may become so.
using ElementKernel = void (*)(const ElementInput& input);

template <typename F>
void MapPresent(std::span<double> values, F f) {
  for (double& value : values) {
    if (IsPresent(value)) {
      value = f(value);
    }
  }
}

// math.cc: the kernel of a function of one float ("abs", "sin", ...); null for other names.
ElementKernel FindMathKernel(std::string_view name);
// Go's math.Min and math.Max: NaN wins, except over an infinity of the function's own sign.
double GoMin(double a, double b);
double GoMax(double a, double b);
void ClampKernel(const ElementInput& input);
void ClampMinKernel(const ElementInput& input);
void ClampMaxKernel(const ElementInput& input);
void RoundKernel(const ElementInput& input);

// date.cc: the kernel of a date function ("year", "day_of_week", ...); null for other names.
ElementKernel FindDateKernel(std::string_view name);

// operator.cc
double ApplyScalar(promql_parser::BinaryOp op, double left, double right);
// The kernel of `vector op scalar` (scalar_on_left: `scalar op vector`); comparisons filter, or give 0/1 with
// `return_bool`. The scalar is scalars[0].
ElementKernel FindOperatorKernel(promql_parser::BinaryOp op, bool scalar_on_left, bool return_bool);
void NegateKernel(const ElementInput& input);

// The element-wise vector operator: out[i] = left[i] op right[i] where both are present, else absent.
void ApplyVectors(promql_parser::BinaryOp op, bool return_bool, std::span<const double> left,
                  std::span<const double> right, std::span<double> out);

}  // namespace thanos::promql
