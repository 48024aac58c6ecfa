#include "promql/histogram/element.h"

#include <algorithm>
#include <cmath>
#include <utility>

#include "model/histogram_math.h"
#include "model/histogram_stats.h"
#include "promql/block.h"
#include "promql/histogram/notes.h"

namespace thanos::promql {
namespace {

using promql_parser::BinaryOp;

constexpr std::string_view kFloat = "float";
constexpr std::string_view kHistogram = "histogram";

HistogramPtr Share(model::Histogram histogram) {
  return std::make_shared<const model::Histogram>(std::move(histogram));
}

HistogramPtr Scaled(const model::Histogram& histogram, double factor) {
  model::Histogram result = histogram;
  model::Multiply(result, factor);
  model::Compact(result);
  return Share(std::move(result));
}

HistogramPtr Divided(const model::Histogram& histogram, double divisor) {
  model::Histogram result = histogram;
  model::Divide(result, divisor);
  model::Compact(result);
  return Share(std::move(result));
}

// `histogram op scalar`, or the other way round; null and an annotation when that means nothing.
HistogramPtr WithScalar(BinaryOp op, bool scalar_on_left, const model::Histogram& histogram, double scalar,
                        Annotations& annotations, int position) {
  if (op == BinaryOp::kMul) {
    return Scaled(histogram, scalar);
  }
  if (op == BinaryOp::kDiv && !scalar_on_left) {
    return Divided(histogram, scalar);
  }
  notes::IncompatibleTypes(annotations, scalar_on_left ? kFloat : kHistogram, promql_parser::ToString(op),
                           scalar_on_left ? kHistogram : kFloat, position);
  return nullptr;
}

// left + right or left - right; null and an annotation when the layouts do not go together.
HistogramPtr Combined(BinaryOp op, const model::Histogram& left, const model::Histogram& right,
                      Annotations& annotations, int position) {
  const bool add = op == BinaryOp::kAdd;
  model::Histogram result = left;
  const model::CombineNotes met = add ? model::Add(result, right) : model::Subtract(result, right);
  if (!met.compatible) {
    notes::IncompatibleBucketLayout(annotations, promql_parser::ToString(op), position);
    return nullptr;
  }
  if (met.resets_collide) {
    notes::ResetCollision(annotations, add ? notes::kAddition : notes::kSubtraction, position);
  }
  if (met.bounds_reconciled) {
    notes::BoundsReconciled(annotations, add ? notes::kAddition : notes::kSubtraction, position);
  }
  if (!add) {
    result.counter_reset_hint = model::CounterResetHint::kGauge;
  }
  model::Compact(result);
  return Share(std::move(result));
}

double Measured(HistogramStep::Measure measure, const model::Histogram& histogram,
                model::HistogramEstimator& estimator) {
  switch (measure) {
    case HistogramStep::Measure::kCount:
      return histogram.count;
    case HistogramStep::Measure::kSum:
      return histogram.sum;
    case HistogramStep::Measure::kAverage:
      return histogram.sum / histogram.count;
    case HistogramStep::Measure::kStddev:
      return std::sqrt(estimator.Variance(histogram));
    case HistogramStep::Measure::kStdvar:
      return estimator.Variance(histogram);
  }
  return 0;
}

// Calls `map(step, histogram)` once per run of steps that share a histogram and, for `by_step`, at each step.
template <typename Map>
void MapHistograms(HistogramRow& histograms, bool by_step, Map map) {
  HistogramPtr from;
  HistogramPtr to;
  for (size_t step = 0; step < histograms.size(); ++step) {
    if (histograms[step] == nullptr) {
      continue;
    }
    if (by_step || histograms[step] != from) {
      from = histograms[step];
      to = map(step, *from);
    }
    histograms[step] = to;
  }
}

}  // namespace

void RemoveFloatsKernel(const ElementInput& input) {
  std::ranges::fill(input.values, kAbsent);
}

std::optional<HistogramStep::Measure> FindHistogramMeasure(std::string_view function) {
  if (function == "histogram_count") {
    return HistogramStep::Measure::kCount;
  }
  if (function == "histogram_sum") {
    return HistogramStep::Measure::kSum;
  }
  if (function == "histogram_avg") {
    return HistogramStep::Measure::kAverage;
  }
  if (function == "histogram_stddev") {
    return HistogramStep::Measure::kStddev;
  }
  if (function == "histogram_stdvar") {
    return HistogramStep::Measure::kStdvar;
  }
  return std::nullopt;
}

void ApplyHistogramStep(const HistogramStep& step, std::span<const std::vector<double>> scalars,
                        std::span<double> values, HistogramRow& histograms, Annotations& annotations) {
  if (histograms.empty()) {
    return;
  }
  switch (step.kind) {
    case HistogramStep::Kind::kKeep:
      return;
    case HistogramStep::Kind::kDrop:
      histograms.clear();
      return;
    case HistogramStep::Kind::kNegate:
      MapHistograms(histograms, false, [](size_t, const model::Histogram& histogram) {
        // Empty buckets stay, unlike with `* -1`: estimates and comparisons see them.
        model::Histogram negative = histogram;
        model::Multiply(negative, -1);
        return Share(std::move(negative));
      });
      return;
    case HistogramStep::Kind::kScalarOperator:
      MapHistograms(histograms, true, [&](size_t i, const model::Histogram& histogram) {
        return WithScalar(step.op, step.scalar_on_left, histogram, scalars[0][i], annotations, step.position);
      });
      if (!AnyPresent(histograms)) {
        histograms.clear();
      }
      return;
    case HistogramStep::Kind::kMeasure: {
      model::HistogramEstimator estimator;
      for (size_t i = 0; i < histograms.size(); ++i) {
        if (histograms[i] != nullptr) {
          values[i] = i > 0 && histograms[i] == histograms[i - 1]
                          ? values[i - 1]
                          : Measured(step.measure, *histograms[i], estimator);
        }
      }
      histograms.clear();
      return;
    }
  }
}

void ApplyHistogramOperator(BinaryOp op, bool return_bool, const OperandRow& left, const OperandRow& right,
                            std::span<double> out, HistogramRow& out_histograms, Annotations& annotations,
                            int position) {
  for (size_t i = 0; i < out.size(); ++i) {
    const model::Histogram* const l = HistogramAt(left.histograms, i);
    const model::Histogram* const r = HistogramAt(right.histograms, i);
    if ((l == nullptr && r == nullptr) || (l == nullptr && !IsPresent(left.values[i])) ||
        (r == nullptr && !IsPresent(right.values[i]))) {
      continue;
    }
    if (l == nullptr) {
      out_histograms[i] = WithScalar(op, true, *r, left.values[i], annotations, position);
    } else if (r == nullptr) {
      out_histograms[i] = WithScalar(op, false, *l, right.values[i], annotations, position);
    } else if (op == BinaryOp::kAdd || op == BinaryOp::kSub) {
      out_histograms[i] = Combined(op, *l, *r, annotations, position);
    } else if (op == BinaryOp::kEqual || op == BinaryOp::kNotEqual) {
      const bool holds = model::SameData(*l, *r) == (op == BinaryOp::kEqual);
      if (return_bool) {
        out[i] = holds ? 1 : 0;
      } else if (holds) {
        out_histograms[i] = left.histograms[i];
      }
    } else {
      notes::IncompatibleTypes(annotations, kHistogram, promql_parser::ToString(op), kHistogram, position);
    }
  }
}

}  // namespace thanos::promql
