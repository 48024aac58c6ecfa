#pragma once

// What a query returns: one of four value types, the annotations met on the way, and statistics.

#include <cstdint>
#include <string>
#include <variant>
#include <vector>

#include "labels/labels.h"

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
};

// In evaluation order: label order, except that sort(), sort_desc(), topk and bottomk order by value.
struct Vector {
  std::vector<VectorSample> samples;
};

// One series of a matrix as columns of equal length, oldest first.
struct MatrixSeries {
  labels::Labels labels;
  std::vector<int64_t> timestamps;
  std::vector<double> values;
};

// Ordered by labels.
struct Matrix {
  std::vector<MatrixSeries> series;
};

using Value = std::variant<Scalar, String, Vector, Matrix>;

// Counts of samples, as Prometheus' `stats` reports them.
struct QueryStats {
  int64_t total_queryable_samples = 0;  // samples read, windows that overlap count again
  int64_t peak_samples = 0;             // most samples held at once
  int64_t series_selected = 0;
  int64_t samples_decoded = 0;
};

struct Result {
  Value value;
  // Without duplicates, in the order they were first met. They start with "PromQL warning: " or "PromQL info:
  // ", except for warnings the series source reported, which are passed on as they are.
  std::vector<std::string> warnings;
  QueryStats stats;
};

}  // namespace thanos::promql
