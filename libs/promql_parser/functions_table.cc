#include "promql_parser/functions_table.h"

#include <algorithm>
#include <array>

namespace thanos::promql_parser {
namespace {

constexpr ValueType kS = ValueType::kScalar;
constexpr ValueType kV = ValueType::kVector;
constexpr ValueType kM = ValueType::kMatrix;
constexpr ValueType kT = ValueType::kString;

constexpr std::array<ValueType, 0> kNoArguments{};
constexpr std::array kOneScalar{kS};
constexpr std::array kTwoScalars{kS, kS};
constexpr std::array kOneVector{kV};
constexpr std::array kOneMatrix{kM};
constexpr std::array kVectorScalar{kV, kS};
constexpr std::array kVectorTwoScalars{kV, kS, kS};
constexpr std::array kScalarVector{kS, kV};
constexpr std::array kTwoScalarsVector{kS, kS, kV};
constexpr std::array kScalarMatrix{kS, kM};
constexpr std::array kMatrixScalar{kM, kS};
constexpr std::array kMatrixTwoScalars{kM, kS, kS};
constexpr std::array kTwoVectors{kV, kV};
constexpr std::array kVectorString{kV, kT};
constexpr std::array kLabelJoin{kV, kT, kT, kT};
constexpr std::array kLabelReplace{kV, kT, kT, kT, kT};
constexpr std::array kHistogramQuantiles{kV, kT, kS, kS};

constexpr bool kExperimental = true;

// Sorted by name; FindFunction searches it.
constexpr FunctionSpec kFunctions[] = {
    {"abs", kOneVector, 0, kV},
    {"absent", kOneVector, 0, kV},
    {"absent_over_time", kOneMatrix, 0, kV},
    {"acos", kOneVector, 0, kV},
    {"acosh", kOneVector, 0, kV},
    {"asin", kOneVector, 0, kV},
    {"asinh", kOneVector, 0, kV},
    {"atan", kOneVector, 0, kV},
    {"atanh", kOneVector, 0, kV},
    {"avg_over_time", kOneMatrix, 0, kV},
    {"ceil", kOneVector, 0, kV},
    {"changes", kOneMatrix, 0, kV},
    {"clamp", kVectorTwoScalars, 0, kV},
    {"clamp_max", kVectorScalar, 0, kV},
    {"clamp_min", kVectorScalar, 0, kV},
    {"cos", kOneVector, 0, kV},
    {"cosh", kOneVector, 0, kV},
    {"count_over_time", kOneMatrix, 0, kV},
    {"day_of_month", kOneVector, 1, kV},
    {"day_of_week", kOneVector, 1, kV},
    {"day_of_year", kOneVector, 1, kV},
    {"days_in_month", kOneVector, 1, kV},
    {"deg", kOneVector, 0, kV},
    {"delta", kOneMatrix, 0, kV},
    {"deriv", kOneMatrix, 0, kV},
    {"double_exponential_smoothing", kMatrixTwoScalars, 0, kV, kExperimental, "3.0"},
    {"end", kNoArguments, 0, kS, kExperimental, "3.12"},
    {"exp", kOneVector, 0, kV},
    {"first_over_time", kOneMatrix, 0, kV, kExperimental, "3.7"},
    {"floor", kOneVector, 0, kV},
    {"histogram_avg", kOneVector, 0, kV, false, "2.49"},
    {"histogram_count", kOneVector, 0, kV, false, "2.40"},
    {"histogram_fraction", kTwoScalarsVector, 0, kV, false, "2.40"},
    {"histogram_quantile", kScalarVector, 0, kV},
    {"histogram_quantiles", kHistogramQuantiles, 9, kV, kExperimental, "3.11"},
    {"histogram_stddev", kOneVector, 0, kV, false, "2.48"},
    {"histogram_stdvar", kOneVector, 0, kV, false, "2.48"},
    {"histogram_sum", kOneVector, 0, kV, false, "2.40"},
    {"hour", kOneVector, 1, kV},
    {"idelta", kOneMatrix, 0, kV},
    {"increase", kOneMatrix, 0, kV},
    {"info", kTwoVectors, 1, kV, kExperimental, "3.0"},
    {"irate", kOneMatrix, 0, kV},
    {"label_join", kLabelJoin, -1, kV},
    {"label_replace", kLabelReplace, 0, kV},
    {"last_over_time", kOneMatrix, 0, kV},
    {"ln", kOneVector, 0, kV},
    {"log10", kOneVector, 0, kV},
    {"log2", kOneVector, 0, kV},
    {"mad_over_time", kOneMatrix, 0, kV, kExperimental, "2.54"},
    {"max_of", kTwoScalars, 0, kS, kExperimental, "3.13"},
    {"max_over_time", kOneMatrix, 0, kV},
    {"min_of", kTwoScalars, 0, kS, kExperimental, "3.13"},
    {"min_over_time", kOneMatrix, 0, kV},
    {"minute", kOneVector, 1, kV},
    {"month", kOneVector, 1, kV},
    {"pi", kNoArguments, 0, kS},
    {"predict_linear", kMatrixScalar, 0, kV},
    {"present_over_time", kOneMatrix, 0, kV},
    {"quantile_over_time", kScalarMatrix, 0, kV},
    {"rad", kOneVector, 0, kV},
    {"range", kNoArguments, 0, kS, kExperimental, "3.12"},
    {"rate", kOneMatrix, 0, kV},
    {"resets", kOneMatrix, 0, kV},
    {"round", kVectorScalar, 1, kV},
    {"scalar", kOneVector, 0, kS},
    {"sgn", kOneVector, 0, kV},
    {"sin", kOneVector, 0, kV},
    {"sinh", kOneVector, 0, kV},
    {"sort", kOneVector, 0, kV},
    {"sort_by_label", kVectorString, -1, kV, kExperimental, "2.49"},
    {"sort_by_label_desc", kVectorString, -1, kV, kExperimental, "2.49"},
    {"sort_desc", kOneVector, 0, kV},
    {"sqrt", kOneVector, 0, kV},
    {"start", kNoArguments, 0, kS, kExperimental, "3.12"},
    {"stddev_over_time", kOneMatrix, 0, kV},
    {"stdvar_over_time", kOneMatrix, 0, kV},
    {"step", kNoArguments, 0, kS, kExperimental, "3.12"},
    {"sum_over_time", kOneMatrix, 0, kV},
    {"tan", kOneVector, 0, kV},
    {"tanh", kOneVector, 0, kV},
    {"time", kNoArguments, 0, kS},
    {"timestamp", kOneVector, 0, kV},
    {"ts_of_first_over_time", kOneMatrix, 0, kV, kExperimental, "3.7"},
    {"ts_of_last_over_time", kOneMatrix, 0, kV, kExperimental, "3.5"},
    {"ts_of_max_over_time", kOneMatrix, 0, kV, kExperimental, "3.5"},
    {"ts_of_min_over_time", kOneMatrix, 0, kV, kExperimental, "3.5"},
    {"vector", kOneScalar, 0, kV},
    {"xdelta", kOneMatrix, 0, kV, kExperimental, "thanos"},
    {"xincrease", kOneMatrix, 0, kV, kExperimental, "thanos"},
    {"xrate", kOneMatrix, 0, kV, kExperimental, "thanos"},
    {"year", kOneVector, 1, kV},
};
static_assert(std::ranges::is_sorted(kFunctions, {}, &FunctionSpec::name));

}  // namespace

std::string_view ToString(ValueType type) {
  switch (type) {
    case ValueType::kScalar:
      return "scalar";
    case ValueType::kVector:
      return "vector";
    case ValueType::kMatrix:
      return "matrix";
    case ValueType::kString:
      return "string";
    case ValueType::kNone:
      break;
  }
  return "none";
}

std::string_view Documented(ValueType type) {
  switch (type) {
    case ValueType::kVector:
      return "instant vector";
    case ValueType::kMatrix:
      return "range vector";
    default:
      return ToString(type);
  }
}

std::span<const FunctionSpec> Functions() {
  return kFunctions;
}

const FunctionSpec* FindFunction(std::string_view name) {
  const auto* found = std::ranges::lower_bound(kFunctions, name, {}, &FunctionSpec::name);
  return found != std::end(kFunctions) && found->name == name ? found : nullptr;
}

}  // namespace thanos::promql_parser
