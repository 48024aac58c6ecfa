// Binary operators on numbers.

#include <cmath>

#include "base/check.h"
#include "promql/functions/element.h"

namespace thanos::promql {
namespace {

using promql_parser::BinaryOp;

// Evaluates `body.template operator()<op>()` for the run-time operator, so that loops branch on it only once.
template <typename Body>
auto Dispatch(BinaryOp op, Body body) {
  switch (op) {
    case BinaryOp::kAdd:
      return body.template operator()<BinaryOp::kAdd>();
    case BinaryOp::kSub:
      return body.template operator()<BinaryOp::kSub>();
    case BinaryOp::kMul:
      return body.template operator()<BinaryOp::kMul>();
    case BinaryOp::kDiv:
      return body.template operator()<BinaryOp::kDiv>();
    case BinaryOp::kMod:
      return body.template operator()<BinaryOp::kMod>();
    case BinaryOp::kPow:
      return body.template operator()<BinaryOp::kPow>();
    case BinaryOp::kAtan2:
      return body.template operator()<BinaryOp::kAtan2>();
    case BinaryOp::kEqual:
      return body.template operator()<BinaryOp::kEqual>();
    case BinaryOp::kNotEqual:
      return body.template operator()<BinaryOp::kNotEqual>();
    case BinaryOp::kLess:
      return body.template operator()<BinaryOp::kLess>();
    case BinaryOp::kLessOrEqual:
      return body.template operator()<BinaryOp::kLessOrEqual>();
    case BinaryOp::kGreater:
      return body.template operator()<BinaryOp::kGreater>();
    case BinaryOp::kGreaterOrEqual:
    default:
      return body.template operator()<BinaryOp::kGreaterOrEqual>();
  }
}

constexpr bool Compares(BinaryOp op) {
  return op >= BinaryOp::kEqual && op <= BinaryOp::kGreaterOrEqual;
}

// The number, or 1 and 0 for comparisons.
template <BinaryOp kOp>
double Compute(double left, double right) {
  if constexpr (kOp == BinaryOp::kAdd) {
    return left + right;
  } else if constexpr (kOp == BinaryOp::kSub) {
    return left - right;
  } else if constexpr (kOp == BinaryOp::kMul) {
    return left * right;
  } else if constexpr (kOp == BinaryOp::kDiv) {
    return left / right;
  } else if constexpr (kOp == BinaryOp::kMod) {
    return std::fmod(left, right);
  } else if constexpr (kOp == BinaryOp::kPow) {
    return std::pow(left, right);
  } else if constexpr (kOp == BinaryOp::kAtan2) {
    return std::atan2(left, right);
  } else if constexpr (kOp == BinaryOp::kEqual) {
    return left == right ? 1 : 0;
  } else if constexpr (kOp == BinaryOp::kNotEqual) {
    return left != right ? 1 : 0;
  } else if constexpr (kOp == BinaryOp::kLess) {
    return left < right ? 1 : 0;
  } else if constexpr (kOp == BinaryOp::kLessOrEqual) {
    return left <= right ? 1 : 0;
  } else if constexpr (kOp == BinaryOp::kGreater) {
    return left > right ? 1 : 0;
  } else {
    return left >= right ? 1 : 0;
  }
}

// What a filtering comparison leaves: the vector's own value.
template <BinaryOp kOp, bool kReturnBool>
double Element(double left, double right, double kept) {
  const double result = Compute<kOp>(left, right);
  if constexpr (Compares(kOp) && !kReturnBool) {
    return result != 0 ? kept : kAbsent;
  } else {
    return result;
  }
}

template <BinaryOp kOp, bool kScalarOnLeft, bool kReturnBool>
void OperatorKernel(const ElementInput& input) {
  const double* scalar = input.scalars[0].data();
  double* values = input.values.data();
  for (size_t i = 0; i < input.values.size(); ++i) {
    if (!IsPresent(values[i])) {
      continue;
    }
    values[i] = kScalarOnLeft ? Element<kOp, kReturnBool>(scalar[i], values[i], values[i])
                              : Element<kOp, kReturnBool>(values[i], scalar[i], values[i]);
  }
}

}  // namespace

double ApplyScalar(BinaryOp op, double left, double right) {
  return Dispatch(op, [&]<BinaryOp kOp>() { return Compute<kOp>(left, right); });
}

ElementKernel FindOperatorKernel(BinaryOp op, bool scalar_on_left, bool return_bool) {
  TH_CHECK(!promql_parser::IsSetOperator(op));
  return Dispatch(op, [&]<BinaryOp kOp>() -> ElementKernel {
    if (scalar_on_left) {
      return return_bool ? OperatorKernel<kOp, true, true> : OperatorKernel<kOp, true, false>;
    }
    return return_bool ? OperatorKernel<kOp, false, true> : OperatorKernel<kOp, false, false>;
  });
}

void NegateKernel(const ElementInput& input) {
  MapPresent(input.values, [](double value) { return -value; });
}

void ApplyVectors(BinaryOp op, bool return_bool, std::span<const double> left, std::span<const double> right,
                  std::span<double> out) {
  Dispatch(op, [&]<BinaryOp kOp>() {
    for (size_t i = 0; i < out.size(); ++i) {
      if (!IsPresent(left[i]) || !IsPresent(right[i])) {
        out[i] = kAbsent;
      } else {
        out[i] = return_bool ? Element<kOp, true>(left[i], right[i], left[i])
                             : Element<kOp, false>(left[i], right[i], left[i]);
      }
    }
  });
}

}  // namespace thanos::promql
