#include "promql/block_aggregates.h"

#include <algorithm>
#include <cmath>
#include <numeric>
#include <utility>

#include "labels/builder.h"
#include "model/histogram_buckets.h"
#include "promql/functions/range.h"
#include "promql/histogram/notes.h"

namespace thanos::promql {
namespace {

using promql_parser::AggregateOp;

// The series of each group, in order.
std::vector<std::vector<uint32_t>> SeriesByGroup(const Grouping& grouping, const Block& input,
                                                 std::vector<labels::Labels>* group_labels = nullptr) {
  GroupTable table(grouping);
  std::vector<std::vector<uint32_t>> groups;
  for (uint32_t series = 0; series < input.num_series(); ++series) {
    const uint32_t group = table.Find(input.labels[series]);
    if (group == groups.size()) {
      groups.emplace_back();
    }
    groups[group].push_back(series);
  }
  if (group_labels != nullptr) {
    *group_labels = std::move(table.group_labels());
  }
  return groups;
}

// The largest doubles that convert to int64.
bool FitsInt64(double value) {
  return value <= 9223372036854774784.0 && value >= -9223372036854775808.0;
}

struct Candidate {
  double value;
  uint32_t series;
};

// Better first; NaN last; ties by series.
template <bool kLargest>
bool Before(const Candidate& a, const Candidate& b) {
  const bool a_nan = std::isnan(a.value);
  const bool b_nan = std::isnan(b.value);
  if (a_nan != b_nan) {
    return b_nan;
  }
  if (!a_nan && a.value != b.value) {
    return kLargest ? a.value > b.value : a.value < b.value;
  }
  return a.series < b.series;
}

// Picks samples step by step into a mask laid over the input.
class Selector {
 public:
  Selector(AggregateOp op, const std::vector<double>& parameter, const Block& input,
           const base::CancelToken& cancel)
      : op_(op), parameter_(parameter), input_(input), cancel_(cancel), chosen_(input.values.size(), 0) {}

  base::Status Run(const std::vector<std::vector<uint32_t>>& groups) {
    for (size_t step = 0; step < input_.num_steps; ++step) {
      TH_RETURN_IF_ERROR(cancel_.status());
      if (!StepHasSamples(step)) {
        continue;
      }
      TH_RETURN_IF_ERROR(CheckParameter(parameter_[step]));
      for (const std::vector<uint32_t>& group : groups) {
        SelectStep(group, step);
      }
    }
    return base::OkStatus();
  }

  // Whether topk or bottomk passed by a histogram.
  bool ignored_histogram() const { return ignored_histogram_; }
  const std::vector<uint8_t>& chosen() const { return chosen_; }
  // Series chosen, in the order in which they were, when there is one step.
  const std::vector<uint32_t>& order() const { return order_; }

 private:
  bool StepHasSamples(size_t step) const {
    for (uint32_t series = 0; series < input_.num_series(); ++series) {
      if (input_.HasSample(series, step)) {
        return true;
      }
    }
    return false;
  }

  base::Status CheckParameter(double parameter) const {
    if (op_ == AggregateOp::kLimitRatio) {
      return std::isnan(parameter) ? base::FailedPrecondition("Ratio value NaN is NaN") : base::OkStatus();
    }
    return FitsInt64(parameter)
               ? base::OkStatus()
               : base::FailedPrecondition("Scalar value ", FormatGeneral(parameter), " overflows int64");
  }

  void SelectStep(const std::vector<uint32_t>& group, size_t step) {
    candidates_.clear();
    for (const uint32_t series : group) {
      const double value = input_.Row(series)[step];
      if (IsPresent(value)) {
        candidates_.push_back({value, series});
      } else if (HistogramAt(input_.Histograms(series), step) != nullptr) {
        if (op_ == AggregateOp::kTopk || op_ == AggregateOp::kBottomk) {
          ignored_histogram_ = true;
        } else {
          candidates_.push_back({value, series});
        }
      }
    }
    if (op_ == AggregateOp::kLimitRatio) {
      KeepRatio(parameter_[step]);
    } else {
      KeepFirst(parameter_[step]);
    }
    for (const Candidate& candidate : candidates_) {
      chosen_[candidate.series * input_.num_steps + step] = 1;
      if (input_.num_steps == 1) {
        order_.push_back(candidate.series);
      }
    }
  }

  void KeepFirst(double parameter) {
    const auto wanted = static_cast<int64_t>(parameter);
    const size_t count = wanted < 1 ? 0 : std::min(candidates_.size(), static_cast<size_t>(wanted));
    const auto end = candidates_.begin() + static_cast<std::ptrdiff_t>(count);
    if (op_ == AggregateOp::kTopk) {
      std::partial_sort(candidates_.begin(), end, candidates_.end(), Before<true>);
    } else if (op_ == AggregateOp::kBottomk) {
      std::partial_sort(candidates_.begin(), end, candidates_.end(), Before<false>);
    }
    candidates_.erase(end, candidates_.end());
  }

  // A series is in when its hash, as a fraction of all hashes, is below the ratio (or not below 1 + ratio).
  void KeepRatio(double parameter) {
    const double ratio = std::clamp(parameter, -1.0, 1.0);
    std::erase_if(candidates_, [&](const Candidate& candidate) {
      if (ratio == 0) {
        return true;
      }
      const double offset =
          static_cast<double>(labels::Hash(input_.labels[candidate.series])) / 18446744073709551616.0;
      return ratio > 0 ? !(offset < ratio) : !(offset >= 1.0 + ratio);
    });
  }

  const AggregateOp op_;
  const std::vector<double>& parameter_;
  const Block& input_;
  const base::CancelToken& cancel_;
  bool ignored_histogram_ = false;
  std::vector<uint8_t> chosen_;
  std::vector<uint32_t> order_;
  std::vector<Candidate> candidates_;
};

// Extremes of the parameter over all steps, as the annotations name them; NaN when one is NaN.
std::pair<double, double> MinMax(const std::vector<double>& values) {
  std::pair<double, double> range{1.7976931348623157e308, -1.7976931348623157e308};
  for (const double value : values) {
    if (std::isnan(value)) {
      return {value, value};
    }
    range.first = std::min(range.first, value);
    range.second = std::max(range.second, value);
  }
  return range;
}

}  // namespace

base::StatusOr<Block> SelectSamples(AggregateOp op, const Grouping& grouping,
                                    const std::vector<double>& parameter, Block input,
                                    const EvaluationScope& scope) {
  if (op == AggregateOp::kLimitRatio) {
    const auto [lowest, highest] = MinMax(parameter);
    if (highest > 1) {
      scope.annotations.InvalidRatio(highest, 1, scope.position);
    }
    if (lowest < -1) {
      scope.annotations.InvalidRatio(lowest, -1, scope.position);
    }
  } else if (MinMax(parameter).second < 1) {
    // Nothing can be chosen; parameters that fit no integer are then not looked at.
    return EmptyBlock(input.num_steps);
  }
  Selector selector(op, parameter, input, scope.cancel);
  TH_RETURN_IF_ERROR(selector.Run(SeriesByGroup(grouping, input)));
  if (selector.ignored_histogram()) {
    notes::IgnoredInAggregation(scope.annotations, promql_parser::ToString(op), scope.position);
  }
  if (input.num_steps == 1) {
    return SelectRows(std::move(input), std::vector<uint32_t>(selector.order()));
  }
  for (size_t i = 0; i < input.values.size(); ++i) {
    if (selector.chosen()[i] == 0) {
      input.values[i] = kAbsent;
      if (const size_t series = i / input.num_steps; !input.Histograms(series).empty()) {
        input.histograms[series][i % input.num_steps] = nullptr;
      }
    }
  }
  RemoveEmptySeries(input);
  return input;
}

base::StatusOr<Block> AggregateQuantile(const Grouping& grouping, const std::vector<double>& parameter,
                                        Block input, const EvaluationScope& scope) {
  if (std::ranges::any_of(parameter, [](double value) { return std::isnan(value); })) {
    scope.annotations.InvalidQuantile(std::nan(""), scope.position);
  }
  const auto [lowest, highest] = MinMax(parameter);
  if (highest > 1) {
    scope.annotations.InvalidQuantile(highest, scope.position);
  }
  if (lowest < 0) {
    scope.annotations.InvalidQuantile(lowest, scope.position);
  }
  Block out;
  out.num_steps = input.num_steps;
  const std::vector<std::vector<uint32_t>> groups = SeriesByGroup(grouping, input, &out.labels);
  TH_RETURN_IF_ERROR(out.charge.Add(scope.budget, static_cast<int64_t>(groups.size() * out.num_steps)));
  out.values.resize(groups.size() * out.num_steps, kAbsent);
  std::vector<double> column;
  for (size_t group = 0; group < groups.size(); ++group) {
    for (size_t step = 0; step < out.num_steps; ++step) {
      TH_RETURN_IF_ERROR(scope.cancel.status());
      column.clear();
      for (const uint32_t series : groups[group]) {
        const double value = input.Row(series)[step];
        if (IsPresent(value)) {
          column.push_back(value);
        }
      }
      if (!column.empty()) {
        out.Row(group)[step] = Quantile(parameter[step], column);
      }
    }
  }
  MarkDroppedNames(grouping, input, out);
  if (!input.histograms.empty()) {
    RemoveEmptySeries(out);
  }
  return out;
}

base::StatusOr<Block> CountValues(const Grouping& grouping, const std::string& label, const Block& input,
                                  const EvaluationScope& scope) {
  if (label.empty() || !base::IsValidUtf8(label)) {
    return base::FailedPrecondition("invalid label name ", base::Quote(label));
  }
  Grouping with_value = grouping;
  if (!grouping.without) {
    with_value.names.insert(std::ranges::lower_bound(with_value.names, label), label);
    with_value.names.erase(std::unique(with_value.names.begin(), with_value.names.end()),
                           with_value.names.end());
  }
  GroupTable table(with_value);
  Block out;
  out.num_steps = input.num_steps;
  labels::LabelBuilder builder;
  for (uint32_t series = 0; series < input.num_series(); ++series) {
    TH_RETURN_IF_ERROR(scope.cancel.status());
    const std::span<const double> row = input.Row(series);
    double last_value = kAbsent;
    const model::Histogram* last_histogram = nullptr;
    uint32_t group = 0;
    for (size_t step = 0; step < row.size(); ++step) {
      const model::Histogram* const histogram = HistogramAt(input.Histograms(series), step);
      if (!IsPresent(row[step]) && histogram == nullptr) {
        continue;
      }
      if (std::bit_cast<uint64_t>(last_value) != std::bit_cast<uint64_t>(row[step]) ||
          histogram != last_histogram) {
        last_value = row[step];
        last_histogram = histogram;
        builder.Reset(input.labels[series]);
        builder.Set(label, histogram == nullptr ? FormatPlain(last_value)
                                                : model::ToString(*histogram, FormatGeneral));
        group = table.Find(builder.span());
        if (group * out.num_steps == out.values.size()) {
          TH_RETURN_IF_ERROR(out.charge.Add(scope.budget, static_cast<int64_t>(out.num_steps)));
          out.values.resize(out.values.size() + out.num_steps, kAbsent);
        }
      }
      if (input.NameDropped(series)) {
        out.SetNameDropped(group, true);
      }
      double& count = out.values[group * out.num_steps + step];
      count = IsPresent(count) ? count + 1 : 1;
    }
  }
  out.labels = std::move(table.group_labels());
  return out;
}

}  // namespace thanos::promql
