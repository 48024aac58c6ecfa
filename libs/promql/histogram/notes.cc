#include "promql/histogram/notes.h"

#include "base/strings.h"

namespace thanos::promql::notes {
namespace {

std::string WithName(std::string text, std::string_view metric_name) {
  if (!metric_name.empty()) {
    base::Append(text, " for metric name ", base::Quote(metric_name));
  }
  return text;
}

}  // namespace

void MixedFloatsAndHistograms(Annotations& annotations, std::string_view metric_name, int position) {
  annotations.Add(base::Concat("PromQL warning: encountered a mix of histograms and floats for metric name ",
                               base::Quote(metric_name)),
                  position);
}

void MixedFloatsAndHistogramsInAggregation(Annotations& annotations, int position) {
  annotations.Add("PromQL warning: encountered a mix of histograms and floats for aggregation", position);
}

void MixedClassicAndNative(Annotations& annotations, std::string_view metric_name, int position) {
  annotations.Add(
      base::Concat("PromQL warning: vector contains a mix of classic and native histograms for metric name ",
                   base::Quote(metric_name)),
      position);
}

void MixedExponentialAndCustom(Annotations& annotations, std::string_view metric_name, int position) {
  annotations.Add(base::Concat("PromQL warning: vector contains a mix of histograms with exponential and "
                               "custom buckets schemas for "
                               "metric name ",
                               base::Quote(metric_name)),
                  position);
}

void NotCounter(Annotations& annotations, std::string_view metric_name, int position) {
  annotations.Add(base::Concat("PromQL warning: this native histogram metric is not a counter: ",
                               base::Quote(metric_name)),
                  position);
}

void NotGauge(Annotations& annotations, std::string_view metric_name, int position) {
  annotations.Add(
      base::Concat("PromQL warning: this native histogram metric is not a gauge: ", base::Quote(metric_name)),
      position);
}

void IncompatibleBucketLayout(Annotations& annotations, std::string_view op, int position) {
  annotations.Add(
      base::Concat("PromQL warning: incompatible bucket layout encountered for binary operator ", op),
      position);
}

void IncompatibleTypes(Annotations& annotations, std::string_view left, std::string_view op,
                       std::string_view right, int position) {
  annotations.Add(base::Concat("PromQL info: incompatible sample types encountered for binary operator ",
                               base::Quote(op), ": ", left, " ", op, " ", right),
                  position);
}

void IgnoredInAggregation(Annotations& annotations, std::string_view aggregation, int position) {
  annotations.Add(base::Concat("PromQL info: ignored histogram in ", aggregation, " aggregation"), position);
}

void IgnoredInMixedRange(Annotations& annotations, std::string_view metric_name, int position) {
  annotations.Add(
      base::Concat(
          "PromQL info: ignored histograms in a range containing both floats and histograms for metric name ",
          base::Quote(metric_name)),
      position);
}

void QuantileIsNan(Annotations& annotations, std::string_view metric_name, int position) {
  annotations.Add(
      WithName("PromQL info: input to histogram_quantile has NaN observations, result is NaN", metric_name),
      position);
}

void QuantileIsSkewed(Annotations& annotations, std::string_view metric_name, int position) {
  annotations.Add(
      WithName("PromQL info: input to histogram_quantile has NaN observations, result is skewed higher",
               metric_name),
      position);
}

void FractionExcludesNan(Annotations& annotations, std::string_view metric_name, int position) {
  annotations.Add(WithName("PromQL info: input to histogram_fraction has NaN observations, which are "
                           "excluded from all fractions",
                           metric_name),
                  position);
}

void ResetCollision(Annotations& annotations, std::string_view operation, int position) {
  annotations.Add(base::Concat("PromQL warning: conflicting counter resets during histogram ", operation),
                  position);
}

void BoundsReconciled(Annotations& annotations, std::string_view operation, int position) {
  annotations.Add(base::Concat("PromQL info: mismatched custom buckets were reconciled during ", operation),
                  position);
}

}  // namespace thanos::promql::notes
