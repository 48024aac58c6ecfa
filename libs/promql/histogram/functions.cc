#include "promql/histogram/functions.h"

#include <string>
#include <utility>

#include "base/strings.h"
#include "labels/builder.h"
#include "model/histogram_stats.h"
#include "promql/functions/bucket.h"
#include "promql/histogram/notes.h"

namespace thanos::promql {
namespace {

using model::NanEffect;

std::string KeyWithout(labels::LabelSpan labels, std::string_view left_out) {
  std::string key;
  for (const labels::LabelView& label : labels) {
    if (label.name != left_out) {
      base::Append(key, label.name, '\xff', label.value, '\xff');
    }
  }
  return key;
}

// Blanks the steps at which series `native` meets one of the classic series `members`.
void BlankConflicts(Block& input, uint32_t native, const std::vector<uint32_t>& members,
                    const EvaluationScope& scope) {
  HistogramRow& histograms = input.histograms[native];
  for (size_t step = 0; step < histograms.size(); ++step) {
    bool conflict = false;
    for (const uint32_t member : members) {
      conflict |= histograms[step] != nullptr && IsPresent(input.Row(member)[step]);
    }
    if (!conflict) {
      continue;
    }
    notes::MixedClassicAndNative(scope.annotations, labels::Get(input.labels[native], labels::kMetricName),
                                 scope.position);
    histograms[step] = nullptr;
    for (const uint32_t member : members) {
      input.Row(member)[step] = kAbsent;
    }
  }
}

base::StatusOr<Block> Finish(Block out, const EvaluationScope& scope) {
  RemoveEmptySeries(out);
  DropNames(out, scope.delayed_name_removal);
  if (!scope.delayed_name_removal) {
    TH_RETURN_IF_ERROR(MergeEqualLabels(out));
  }
  return out;
}

// Computes a float from each histogram: `compute(histogram, labels, step)`.
template <typename Compute>
base::StatusOr<Block> MapToFloats(const Block& input, const EvaluationScope& scope, Compute compute) {
  Block out;
  out.num_steps = input.num_steps;
  TH_RETURN_IF_ERROR(
      out.charge.Add(scope.budget, static_cast<int64_t>(input.num_series() * input.num_steps)));
  for (size_t series = 0; series < input.num_series(); ++series) {
    out.labels.push_back(input.labels[series]);
    for (size_t step = 0; step < out.num_steps; ++step) {
      const model::Histogram* const histogram = HistogramAt(input.Histograms(series), step);
      out.values.push_back(histogram == nullptr ? kAbsent : compute(*histogram, input.labels[series], step));
    }
  }
  return Finish(std::move(out), scope);
}

// Names are gone by the time of these annotations, unless their removal is delayed.
std::string_view AnnotatedName(labels::LabelSpan labels, const EvaluationScope& scope) {
  return scope.delayed_name_removal ? labels::Get(labels, labels::kMetricName) : std::string_view();
}

double AnnotatedQuantile(model::HistogramEstimator& estimator, double quantile,
                         const model::Histogram& histogram, labels::LabelSpan labels,
                         const EvaluationScope& scope) {
  NanEffect effect;
  const double value = estimator.Quantile(quantile, histogram, &effect);
  if (effect == NanEffect::kResultIsNan) {
    notes::QuantileIsNan(scope.annotations, AnnotatedName(labels, scope), scope.position);
  } else if (effect == NanEffect::kSkewed) {
    notes::QuantileIsSkewed(scope.annotations, AnnotatedName(labels, scope), scope.position);
  }
  return value;
}

}  // namespace

Block TakeNativeHistograms(Block& input, const EvaluationScope& scope) {
  base::StringMap<std::vector<uint32_t>> classic;
  for (uint32_t series = 0; series < input.num_series(); ++series) {
    if (base::ParseDouble(labels::Get(input.labels[series], "le")) &&
        AnyPresent(std::as_const(input).Row(series))) {
      classic[KeyWithout(input.labels[series], "le")].push_back(series);
    }
  }
  Block native;
  native.num_steps = input.num_steps;
  for (uint32_t series = 0; series < input.num_series(); ++series) {
    if (input.Histograms(series).empty()) {
      continue;
    }
    if (const auto it = classic.find(KeyWithout(input.labels[series], "")); it != classic.end()) {
      BlankConflicts(input, series, it->second, scope);
    }
    native.SetNameDropped(native.num_series(), input.NameDropped(series));
    native.labels.push_back(input.labels[series]);
    native.values.resize(native.values.size() + native.num_steps, kAbsent);
    native.histograms.push_back(std::move(input.histograms[series]));
  }
  input.histograms.clear();
  RemoveEmptySeries(input);
  return native;
}

base::StatusOr<Block> NativeQuantile(const std::vector<double>& quantile, const Block& input,
                                     const EvaluationScope& scope) {
  model::HistogramEstimator estimator;
  return MapToFloats(input, scope,
                     [&](const model::Histogram& histogram, labels::LabelSpan labels, size_t step) {
                       return AnnotatedQuantile(estimator, quantile[step], histogram, labels, scope);
                     });
}

base::StatusOr<Block> NativeQuantiles(const std::string& label,
                                      const std::vector<std::vector<double>>& quantiles, const Block& input,
                                      const EvaluationScope& scope) {
  model::HistogramEstimator estimator;
  Block out;
  out.num_steps = input.num_steps;
  base::StringMap<size_t> rows;  // of one series, by quantile, which may change from step to step
  labels::LabelBuilder builder;
  for (size_t series = 0; series < input.num_series(); ++series) {
    rows.clear();
    for (size_t step = 0; step < out.num_steps; ++step) {
      TH_RETURN_IF_ERROR(scope.cancel.status());
      const model::Histogram* const histogram = HistogramAt(input.Histograms(series), step);
      for (size_t i = 0; i < quantiles.size() && histogram != nullptr; ++i) {
        const auto [row, is_new] = rows.try_emplace(QuantileText(quantiles[i][step]), out.num_series());
        if (is_new) {
          TH_RETURN_IF_ERROR(out.charge.Add(scope.budget, static_cast<int64_t>(out.num_steps)));
          builder.Reset(input.labels[series]);
          builder.Set(label, row->first);
          out.labels.push_back(builder.Build());
          out.values.resize(out.values.size() + out.num_steps, kAbsent);
        }
        double& value = out.Row(row->second)[step];
        if (IsPresent(value)) {
          return DuplicateLabelSetError();
        }
        value = AnnotatedQuantile(estimator, quantiles[i][step], *histogram, input.labels[series], scope);
      }
    }
  }
  return Finish(std::move(out), scope);
}

base::StatusOr<Block> NativeFraction(const std::vector<double>& lower, const std::vector<double>& upper,
                                     const Block& input, const EvaluationScope& scope) {
  model::HistogramEstimator estimator;
  return MapToFloats(
      input, scope, [&](const model::Histogram& histogram, labels::LabelSpan labels, size_t step) {
        NanEffect effect;
        const double value = estimator.Fraction(lower[step], upper[step], histogram, &effect);
        if (effect == NanEffect::kExcluded) {
          notes::FractionExcludesNan(scope.annotations, AnnotatedName(labels, scope), scope.position);
        }
        return value;
      });
}

base::Status AppendBlock(Block more, Block& block, const EvaluationScope& scope) {
  TH_RETURN_IF_ERROR(block.charge.Add(scope.budget, static_cast<int64_t>(more.values.size())));
  for (size_t series = 0; series < more.num_series(); ++series) {
    block.SetNameDropped(block.num_series(), more.NameDropped(series));
    block.SetHistograms(block.num_series(), more.TakeHistograms(series));
    block.labels.push_back(std::move(more.labels[series]));
  }
  block.values.insert(block.values.end(), more.values.begin(), more.values.end());
  return base::OkStatus();
}

}  // namespace thanos::promql
