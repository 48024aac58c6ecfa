#pragma once

// What a query returns: one of four value types, the annotations met on the way, and statistics.

#include <cstdint>
#include <string>
#include <variant>
#include <vector>

#include "labels/labels.h"
#include "promql/histogram/column.h"

namespace thanos::promql {

struct Scalar {
  int64_t timestamp_ms = 0;
  double value = 0;
};

struct String {
  int64_t timestamp_ms = 0;
  std::string value;
};

// One element of an instant vector.
struct VectorSample {
  labels::Labels labels;
  int64_t timestamp_ms = 0;
  double value = 0;
  HistogramPtr histogram = {};  // null: the sample is `value`
};

// In evaluation order: label order, except that sort(), sort_desc(), topk and bottomk order by value.
struct Vector {
  std::vector<VectorSample> samples;
};

struct HistogramPoint {
  int64_t timestamp_ms = 0;
  HistogramPtr histogram;  // never null
};

// One series of a matrix as columns of equal length, oldest first, and its native histograms apart, also
// oldest first.
struct MatrixSeries {
  labels::Labels labels;
  std::vector<int64_t> timestamps;
  std::vector<double> values;
  std::vector<HistogramPoint> histograms = {};
};

// Ordered by labels.
struct Matrix {
  std::vector<MatrixSeries> series;
};

using Value = std::variant<Scalar, String, Vector, Matrix>;

// Counts of samples, as Prometheus' `stats` reports them.
struct QueryStats {
  int64_t total_queryable_samples = 0;  // samples read, windows that overlap count again
  // One count per step; empty without EngineOptions::per_step_stats.
  std::vector<int64_t> samples_per_step = {};
  int64_t first_step_ms = 0;
  int64_t step_ms = 0;
  int64_t peak_samples = 0;  // most samples held at once
  int64_t series_selected = 0;
  int64_t samples_decoded = 0;
};

struct Result {
  Value value;
  // Without duplicates, in the order they were first met, at most ten of a kind. They start with "PromQL
  // warning: " or "PromQL info: ", except for warnings the series source reported, which are passed on as
  // they are.
  std::vector<std::string> warnings;
  // Empty unless EngineOptions::separate_infos.
  std::vector<std::string> infos;
  QueryStats stats;
};

}  // namespace thanos::promql
