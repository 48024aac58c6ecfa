#include "promql/functions/table.h"

#include <algorithm>
#include <vector>

#include "promql/functions/extended.h"
#include "promql/histogram/element.h"

namespace thanos::promql {
namespace {

FunctionEntry Element(std::string_view name, ElementKernel kernel) {
  return {.name = name, .kind = FunctionKind::kElement, .element = kernel};
}
FunctionEntry Math(std::string_view name) {
  return Element(name, FindMathKernel(name));
}
FunctionEntry Date(std::string_view name) {
  return {.name = name, .kind = FunctionKind::kDate, .element = FindDateKernel(name)};
}
FunctionEntry Range(std::string_view name, RangeKernel kernel) {
  return {.name = name, .kind = FunctionKind::kRange, .range = kernel};
}
FunctionEntry RangeKeepingName(std::string_view name, RangeKernel kernel) {
  return {.name = name, .kind = FunctionKind::kRange, .range = kernel, .keeps_name = true};
}
FunctionEntry Counter(std::string_view name, RangeKernel kernel) {
  return {.name = name, .kind = FunctionKind::kRange, .range = kernel, .expects_counter = true};
}
FunctionEntry Special(std::string_view name) {
  return {.name = name, .kind = FunctionKind::kSpecial};
}
FunctionEntry Scalar(std::string_view name) {
  return {.name = name, .kind = FunctionKind::kScalar};
}

std::vector<FunctionEntry> MakeTable() {
  std::vector<FunctionEntry> table = {
      Math("abs"),
      Special("absent"),
      Special("absent_over_time"),
      Math("acos"),
      Math("acosh"),
      Math("asin"),
      Math("asinh"),
      Math("atan"),
      Math("atanh"),
      Range("avg_over_time", AvgOverTimeKernel),
      Math("ceil"),
      Range("changes", ChangesKernel),
      Element("clamp", ClampKernel),
      Element("clamp_max", ClampMaxKernel),
      Element("clamp_min", ClampMinKernel),
      Math("cos"),
      Math("cosh"),
      Range("count_over_time", CountOverTimeKernel),
      Date("day_of_month"),
      Date("day_of_week"),
      Date("day_of_year"),
      Date("days_in_month"),
      Math("deg"),
      Range("delta", DeltaKernel),
      Range("deriv", DerivKernel),
      Range("double_exponential_smoothing", DoubleExponentialSmoothingKernel),
      Scalar("end"),
      Math("exp"),
      RangeKeepingName("first_over_time", FirstOverTimeKernel),
      Math("floor"),
      Element("histogram_avg", RemoveFloatsKernel),
      Element("histogram_count", RemoveFloatsKernel),
      Special("histogram_fraction"),
      Special("histogram_quantile"),
      Special("histogram_quantiles"),
      Element("histogram_stddev", RemoveFloatsKernel),
      Element("histogram_stdvar", RemoveFloatsKernel),
      Element("histogram_sum", RemoveFloatsKernel),
      Date("hour"),
      Range("idelta", IdeltaKernel),
      Counter("increase", IncreaseKernel),
      Special("info"),
      Range("irate", IrateKernel),
      Special("label_join"),
      Special("label_replace"),
      RangeKeepingName("last_over_time", LastOverTimeKernel),
      Math("ln"),
      Math("log10"),
      Math("log2"),
      Range("mad_over_time", MadOverTimeKernel),
      Scalar("max_of"),
      Range("max_over_time", MaxOverTimeKernel),
      Scalar("min_of"),
      Range("min_over_time", MinOverTimeKernel),
      Date("minute"),
      Date("month"),
      Scalar("pi"),
      Range("predict_linear", PredictLinearKernel),
      Range("present_over_time", PresentOverTimeKernel),
      Range("quantile_over_time", QuantileOverTimeKernel),
      Math("rad"),
      Scalar("range"),
      Counter("rate", RateKernel),
      Range("resets", ResetsKernel),
      Element("round", RoundKernel),
      Scalar("scalar"),
      Math("sgn"),
      Math("sin"),
      Math("sinh"),
      Special("sort"),
      Special("sort_by_label"),
      Special("sort_by_label_desc"),
      Special("sort_desc"),
      Math("sqrt"),
      Scalar("start"),
      Range("stddev_over_time", StddevOverTimeKernel),
      Range("stdvar_over_time", StdvarOverTimeKernel),
      Scalar("step"),
      Range("sum_over_time", SumOverTimeKernel),
      Math("tan"),
      Math("tanh"),
      Scalar("time"),
      Special("timestamp"),
      Range("ts_of_first_over_time", TsOfFirstOverTimeKernel),
      Range("ts_of_last_over_time", TsOfLastOverTimeKernel),
      Range("ts_of_max_over_time", TsOfMaxOverTimeKernel),
      Range("ts_of_min_over_time", TsOfMinOverTimeKernel),
      Special("vector"),
      Range("xdelta", XdeltaKernel),
      Range("xincrease", XincreaseKernel),
      Range("xrate", XrateKernel),
      Date("year"),
  };
  std::ranges::sort(table, {}, &FunctionEntry::name);
  return table;
}

}  // namespace

std::span<const FunctionEntry> FunctionTable() {
  static const std::vector<FunctionEntry> table = MakeTable();
  return table;
}

const FunctionEntry* FindFunctionEntry(std::string_view name) {
  const std::span<const FunctionEntry> table = FunctionTable();
  const auto it = std::ranges::lower_bound(table, name, {}, &FunctionEntry::name);
  return it != table.end() && it->name == name ? &*it : nullptr;
}

}  // namespace thanos::promql
