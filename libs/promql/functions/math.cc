// Functions of one float, clamp*, round.

#include <array>
#include <cmath>
#include <limits>
#include <numbers>
#include <string_view>

#include "promql/functions/element.h"

namespace thanos::promql {

double GoMin(double a, double b) {
  constexpr double kInfinity = std::numeric_limits<double>::infinity();
  if (a == -kInfinity || b == -kInfinity) {
    return -kInfinity;
  }
  if (std::isnan(a) || std::isnan(b)) {
    return std::numeric_limits<double>::quiet_NaN();
  }
  return std::signbit(a) && a == b ? a : std::min(a, b);
}
double GoMax(double a, double b) {
  return -GoMin(-a, -b);
}

namespace {

double Sign(double value) {
  if (value < 0) {
    return -1;
  }
  return value > 0 ? 1 : value;
}
double ToDegrees(double value) {
  return value * 180 / std::numbers::pi;
}
double ToRadians(double value) {
  return value * std::numbers::pi / 180;
}
// std:: overloads as plain functions of double.
double Abs(double value) {
  return std::fabs(value);
}
double Acos(double value) {
  return std::acos(value);
}
double Acosh(double value) {
  return std::acosh(value);
}
double Asin(double value) {
  return std::asin(value);
}
double Asinh(double value) {
  return std::asinh(value);
}
double Atan(double value) {
  return std::atan(value);
}
double Atanh(double value) {
  return std::atanh(value);
}
double Ceil(double value) {
  return std::ceil(value);
}
double Cos(double value) {
  return std::cos(value);
}
// Go takes e^x / 2 for large arguments, which overflows a little earlier than the C library does.
constexpr double kLargeHyperbolicArgument = 21;
double Cosh(double value) {
  return std::abs(value) > kLargeHyperbolicArgument ? std::exp(std::abs(value)) * 0.5 : std::cosh(value);
}
double Exp(double value) {
  return std::exp(value);
}
double Floor(double value) {
  return std::floor(value);
}
double Ln(double value) {
  return std::log(value);
}
double Log10(double value) {
  return std::log10(value);
}
double Log2(double value) {
  return std::log2(value);
}
double Sin(double value) {
  return std::sin(value);
}
double Sinh(double value) {
  return std::abs(value) > kLargeHyperbolicArgument ? std::copysign(std::exp(std::abs(value)) * 0.5, value)
                                                    : std::sinh(value);
}
double Sqrt(double value) {
  return std::sqrt(value);
}
double Tan(double value) {
  return std::tan(value);
}
double Tanh(double value) {
  return std::tanh(value);
}

template <double (*kFunction)(double)>
void MathKernel(const ElementInput& input) {
  MapPresent(input.values, kFunction);
}

struct MathEntry {
  std::string_view name;
  ElementKernel kernel;
};
constexpr std::array<MathEntry, 23> kMath = {{
    {"abs", MathKernel<Abs>},     {"acos", MathKernel<Acos>},     {"acosh", MathKernel<Acosh>},
    {"asin", MathKernel<Asin>},   {"asinh", MathKernel<Asinh>},   {"atan", MathKernel<Atan>},
    {"atanh", MathKernel<Atanh>}, {"ceil", MathKernel<Ceil>},     {"cos", MathKernel<Cos>},
    {"cosh", MathKernel<Cosh>},   {"deg", MathKernel<ToDegrees>}, {"exp", MathKernel<Exp>},
    {"floor", MathKernel<Floor>}, {"ln", MathKernel<Ln>},         {"log10", MathKernel<Log10>},
    {"log2", MathKernel<Log2>},   {"rad", MathKernel<ToRadians>}, {"sgn", MathKernel<Sign>},
    {"sin", MathKernel<Sin>},     {"sinh", MathKernel<Sinh>},     {"sqrt", MathKernel<Sqrt>},
    {"tan", MathKernel<Tan>},     {"tanh", MathKernel<Tanh>},
}};

double Clamped(double value, double low, double high) {
  return high < low ? kAbsent : GoMax(low, GoMin(high, value));
}

constexpr double kInfinity = std::numeric_limits<double>::infinity();

}  // namespace

ElementKernel FindMathKernel(std::string_view name) {
  for (const MathEntry& entry : kMath) {
    if (entry.name == name) {
      return entry.kernel;
    }
  }
  return nullptr;
}

void ClampKernel(const ElementInput& input) {
  for (size_t i = 0; i < input.values.size(); ++i) {
    if (IsPresent(input.values[i])) {
      input.values[i] = Clamped(input.values[i], input.scalars[0][i], input.scalars[1][i]);
    }
  }
}

void ClampMinKernel(const ElementInput& input) {
  for (size_t i = 0; i < input.values.size(); ++i) {
    if (IsPresent(input.values[i])) {
      input.values[i] = Clamped(input.values[i], input.scalars[0][i], kInfinity);
    }
  }
}

void ClampMaxKernel(const ElementInput& input) {
  for (size_t i = 0; i < input.values.size(); ++i) {
    if (IsPresent(input.values[i])) {
      input.values[i] = Clamped(input.values[i], -kInfinity, input.scalars[0][i]);
    }
  }
}

void RoundKernel(const ElementInput& input) {
  for (size_t i = 0; i < input.values.size(); ++i) {
    if (IsPresent(input.values[i])) {
      const double inverse = input.scalars.empty() ? 1.0 : 1.0 / input.scalars[0][i];
      input.values[i] = std::floor(input.values[i] * inverse + 0.5) / inverse;
    }
  }
}

}  // namespace thanos::promql
