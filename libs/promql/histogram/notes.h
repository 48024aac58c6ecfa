#pragma once

// Annotations about native histograms, with Prometheus' texts. Positions as in Annotations.

#include <string_view>

#include "promql/annotations.h"

namespace thanos::promql::notes {

void MixedFloatsAndHistograms(Annotations& annotations, std::string_view metric_name,
                              int position = kNoPosition);
void MixedFloatsAndHistogramsInAggregation(Annotations& annotations, int position = kNoPosition);
void MixedClassicAndNative(Annotations& annotations, std::string_view metric_name,
                           int position = kNoPosition);
void MixedExponentialAndCustom(Annotations& annotations, std::string_view metric_name,
                               int position = kNoPosition);
void NotCounter(Annotations& annotations, std::string_view metric_name, int position = kNoPosition);
void NotGauge(Annotations& annotations, std::string_view metric_name, int position = kNoPosition);
void IncompatibleBucketLayout(Annotations& annotations, std::string_view op, int position = kNoPosition);
// Types are "float" and "histogram".
void IncompatibleTypes(Annotations& annotations, std::string_view left, std::string_view op,
                       std::string_view right, int position = kNoPosition);
void IgnoredInAggregation(Annotations& annotations, std::string_view aggregation, int position = kNoPosition);
void IgnoredInMixedRange(Annotations& annotations, std::string_view metric_name, int position = kNoPosition);
// These name the metric unless `metric_name` is empty.
void QuantileIsNan(Annotations& annotations, std::string_view metric_name, int position = kNoPosition);
void QuantileIsSkewed(Annotations& annotations, std::string_view metric_name, int position = kNoPosition);
void FractionExcludesNan(Annotations& annotations, std::string_view metric_name, int position = kNoPosition);

inline constexpr std::string_view kAddition = "addition";
inline constexpr std::string_view kSubtraction = "subtraction";
inline constexpr std::string_view kAggregation = "aggregation";
void ResetCollision(Annotations& annotations, std::string_view operation, int position = kNoPosition);
void BoundsReconciled(Annotations& annotations, std::string_view operation, int position = kNoPosition);

}  // namespace thanos::promql::notes
