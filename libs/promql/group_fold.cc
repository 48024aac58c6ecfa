#include "promql/group_fold.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <numeric>

#include "promql/histogram/notes.h"
#include "promql/kahan.h"

namespace thanos::promql {
namespace {

using promql_parser::AggregateOp;

constexpr double kNan = std::numeric_limits<double>::quiet_NaN();

void AddCompensated(double value, double& sum, double& compensation) {
  KahanSum kahan{sum, compensation};
  kahan.Add(value);
  sum = kahan.sum;
  compensation = kahan.compensation;
}

void FoldSum(GroupState& state, std::span<const double> values) {
  const double* const from = values.data();
  double* const sum = state.value.data();
  double* const compensation = state.compensation.data();
  const size_t num_steps = values.size();
  for (size_t i = 0; i < num_steps; ++i) {
    if (!IsPresent(from[i])) {
      continue;
    }
    if (IsPresent(sum[i])) {
      AddCompensated(from[i], sum[i], compensation[i]);
    } else {
      sum[i] = from[i];
    }
  }
}

// Adds one value to the running mean of step `i`, whose count already includes it.
void AddToMean(GroupState& state, size_t i, double value) {
  const double count = state.count[i];
  const double weight = (count - 1) / count;
  state.mean[i] *= weight;
  state.compensation[i] *= weight;
  AddCompensated(value / count, state.mean[i], state.compensation[i]);
}

// From a sum over `count` values to their mean.
void SwitchToMean(GroupState& state, size_t i, double count) {
  if (state.incremental.empty()) {
    state.incremental.assign(state.value.size(), 0);
    state.mean.assign(state.value.size(), 0);
  }
  state.incremental[i] = 1;
  state.mean[i] = state.value[i] / count;
  state.compensation[i] /= count;
}

bool IsIncremental(const GroupState& state, size_t i) {
  return !state.incremental.empty() && state.incremental[i] != 0;
}

void FoldAverage(GroupState& state, std::span<const double> values) {
  for (size_t i = 0; i < values.size(); ++i) {
    if (!IsPresent(values[i])) {
      continue;
    }
    state.count[i] += 1;
    if (!IsPresent(state.value[i])) {
      state.value[i] = values[i];
      continue;
    }
    if (!IsIncremental(state, i)) {
      KahanSum sum{state.value[i], state.compensation[i]};
      sum.Add(values[i]);
      if (!std::isinf(sum.sum)) {
        state.value[i] = sum.sum;
        state.compensation[i] = sum.compensation;
        continue;
      }
      SwitchToMean(state, i, state.count[i] - 1);
    }
    AddToMean(state, i, values[i]);
  }
}

// NaN loses against everything.
template <typename Better>
void FoldExtremum(GroupState& state, std::span<const double> values, Better better) {
  for (size_t i = 0; i < values.size(); ++i) {
    if (IsPresent(values[i]) &&
        (std::isnan(state.value[i]) || !IsPresent(state.value[i]) || better(values[i], state.value[i]))) {
      state.value[i] = values[i];
    }
  }
}

void FoldCount(GroupState& state, std::span<const double> values) {
  for (size_t i = 0; i < values.size(); ++i) {
    if (IsPresent(values[i])) {
      state.value[i] = IsPresent(state.value[i]) ? state.value[i] + 1 : 1;
    }
  }
}

void FoldGroup(GroupState& state, std::span<const double> values) {
  for (size_t i = 0; i < values.size(); ++i) {
    if (IsPresent(values[i])) {
      state.value[i] = 1;
    }
  }
}

// Welford. `value` is the sum of squared differences from the mean.
void FoldVariance(GroupState& state, std::span<const double> values) {
  for (size_t i = 0; i < values.size(); ++i) {
    if (!IsPresent(values[i])) {
      continue;
    }
    state.count[i] += 1;
    if (!IsPresent(state.value[i])) {
      state.value[i] = std::isfinite(values[i]) ? 0 : kNan;
      state.mean[i] = values[i];
      continue;
    }
    const double delta = values[i] - state.mean[i];
    state.mean[i] += delta / state.count[i];
    state.value[i] += delta * (values[i] - state.mean[i]);
  }
}

void MergeSum(GroupState& into, const GroupState& from) {
  FoldSum(into, from.value);
  for (size_t i = 0; i < from.value.size(); ++i) {
    if (IsPresent(from.value[i])) {
      into.compensation[i] += from.compensation[i];
    }
  }
}

void MergeAverage(GroupState& into, const GroupState& from) {
  for (size_t i = 0; i < from.value.size(); ++i) {
    if (!IsPresent(from.value[i])) {
      continue;
    }
    if (!IsPresent(into.value[i])) {
      into.value[i] = 0;
    }
    if (!IsIncremental(into, i) && !IsIncremental(from, i)) {
      KahanSum sum{into.value[i], into.compensation[i]};
      sum.Add(from.value[i]);
      if (!std::isinf(sum.sum)) {
        into.value[i] = sum.sum;
        into.compensation[i] = sum.compensation + from.compensation[i];
        into.count[i] += from.count[i];
        continue;
      }
    }
    if (!IsIncremental(into, i)) {
      SwitchToMean(into, i, std::max(into.count[i], 1.0));
    }
    const double total = into.count[i] + from.count[i];
    const double other = IsIncremental(from, i)
                             ? from.mean[i] + from.compensation[i]
                             : from.value[i] / from.count[i] + from.compensation[i] / from.count[i];
    into.mean[i] *= into.count[i] / total;
    into.compensation[i] *= into.count[i] / total;
    AddCompensated(other * (from.count[i] / total), into.mean[i], into.compensation[i]);
    into.count[i] = total;
  }
}

void MergeCount(GroupState& into, const GroupState& from) {
  for (size_t i = 0; i < from.value.size(); ++i) {
    if (IsPresent(from.value[i])) {
      into.value[i] = IsPresent(into.value[i]) ? into.value[i] + from.value[i] : from.value[i];
    }
  }
}

// Chan's formula for joining two variances.
void MergeVariance(GroupState& into, const GroupState& from) {
  for (size_t i = 0; i < from.value.size(); ++i) {
    if (!IsPresent(from.value[i])) {
      continue;
    }
    if (!IsPresent(into.value[i])) {
      into.value[i] = from.value[i];
      into.mean[i] = from.mean[i];
      into.count[i] = from.count[i];
      continue;
    }
    const double total = into.count[i] + from.count[i];
    const double delta = from.mean[i] - into.mean[i];
    into.value[i] += from.value[i] + delta * delta * (into.count[i] * from.count[i] / total);
    into.mean[i] += delta * (from.count[i] / total);
    into.count[i] = total;
  }
}

double FinalValue(AggregateOp op, const GroupState& state, size_t i) {
  switch (op) {
    case AggregateOp::kSum:
      return state.value[i] + state.compensation[i];
    case AggregateOp::kAvg:
      return IsIncremental(state, i)
                 ? state.mean[i] + state.compensation[i]
                 : state.value[i] / state.count[i] + state.compensation[i] / state.count[i];
    case AggregateOp::kStddev:
      return std::sqrt(state.value[i] / state.count[i]);
    case AggregateOp::kStdvar:
      return state.value[i] / state.count[i];
    default:
      return state.value[i];
  }
}

void Fold(AggregateOp op, GroupState& state, std::span<const double> values) {
  switch (op) {
    case AggregateOp::kSum:
      return FoldSum(state, values);
    case AggregateOp::kAvg:
      return FoldAverage(state, values);
    case AggregateOp::kMin:
      return FoldExtremum(state, values, [](double a, double b) { return a < b; });
    case AggregateOp::kMax:
      return FoldExtremum(state, values, [](double a, double b) { return a > b; });
    case AggregateOp::kCount:
      return FoldCount(state, values);
    case AggregateOp::kGroup:
      return FoldGroup(state, values);
    default:
      return FoldVariance(state, values);
  }
}

void MergeStates(AggregateOp op, GroupState& into, const GroupState& from) {
  switch (op) {
    case AggregateOp::kSum:
      return MergeSum(into, from);
    case AggregateOp::kAvg:
      return MergeAverage(into, from);
    case AggregateOp::kCount:
      return MergeCount(into, from);
    case AggregateOp::kStddev:
    case AggregateOp::kStdvar:
      return MergeVariance(into, from);
    default:
      return Fold(op, into, from.value);
  }
}

// Columns beside `value` that `op` keeps.
struct Columns {
  bool compensation = false;
  bool count = false;
  bool mean = false;
};
Columns ColumnsOf(AggregateOp op) {
  switch (op) {
    case AggregateOp::kSum:
      return {.compensation = true};
    case AggregateOp::kAvg:
      return {.compensation = true, .count = true};
    case AggregateOp::kStddev:
    case AggregateOp::kStdvar:
      return {.count = true, .mean = true};
    default:
      return {};
  }
}

}  // namespace

Grouping Grouping::Of(const promql_parser::AggregateExpr& aggregate) {
  Grouping grouping{aggregate.without, aggregate.grouping};
  std::ranges::sort(grouping.names);
  grouping.names.erase(std::unique(grouping.names.begin(), grouping.names.end()), grouping.names.end());
  return grouping;
}

bool Grouping::Keeps(std::string_view name) const {
  const bool named = std::binary_search(names.begin(), names.end(), name, std::less<>());
  return without ? !named && name != labels::kMetricName : named;
}

void Grouping::AppendKey(labels::LabelSpan labels, std::string& key) const {
  if (!without && names.empty()) {
    return;
  }
  for (const labels::LabelView& label : labels) {
    if (Keeps(label.name)) {
      key.append(label.name).push_back('\xff');
      key.append(label.value).push_back('\xff');
    }
  }
}

labels::Labels Grouping::GroupLabels(labels::LabelSpan labels) const {
  std::vector<labels::LabelView> kept;
  for (const labels::LabelView& label : labels) {
    if (Keeps(label.name)) {
      kept.push_back(label);
    }
  }
  return labels::Labels(labels::LabelSpan(kept));
}

uint32_t GroupTable::Find(labels::LabelSpan labels) {
  key_.clear();
  grouping_.AppendKey(labels, key_);
  const auto it = groups_.find(std::string_view(key_));
  if (it != groups_.end()) {
    return it->second;
  }
  const auto group = static_cast<uint32_t>(group_labels_.size());
  groups_.emplace(key_, group);
  group_labels_.push_back(grouping_.GroupLabels(labels));
  return group;
}

void MarkDroppedNames(const Grouping& grouping, const Block& input, Block& out) {
  if (input.name_dropped.empty()) {
    return;
  }
  GroupTable table(grouping);
  for (size_t series = 0; series < input.num_series(); ++series) {
    const uint32_t group = table.Find(input.labels[series]);
    if (input.NameDropped(series)) {
      out.SetNameDropped(group, true);
    }
  }
}

bool IsFoldable(AggregateOp op) {
  switch (op) {
    case AggregateOp::kSum:
    case AggregateOp::kAvg:
    case AggregateOp::kMin:
    case AggregateOp::kMax:
    case AggregateOp::kCount:
    case AggregateOp::kGroup:
    case AggregateOp::kStddev:
    case AggregateOp::kStdvar:
      return true;
    default:
      return false;
  }
}

GroupFold::GroupFold(AggregateOp op, const Grouping& grouping, size_t num_steps, SampleBudget& budget)
    : op_(op), num_steps_(num_steps), budget_(budget), table_(grouping) {}

base::StatusOr<uint32_t> GroupFold::FindGroup(labels::LabelSpan labels, uint64_t position) {
  const uint32_t group = table_.Find(labels);
  if (group == states_.size()) {
    const Columns columns = ColumnsOf(op_);
    const int num_columns = 1 + columns.compensation + columns.count + columns.mean;
    TH_RETURN_IF_ERROR(charge_.Add(budget_, num_columns * static_cast<int64_t>(num_steps_)));
    GroupState& state = states_.emplace_back();
    state.value.assign(num_steps_, kAbsent);
    state.compensation.assign(columns.compensation ? num_steps_ : 0, 0);
    state.count.assign(columns.count ? num_steps_ : 0, 0);
    state.mean.assign(columns.mean ? num_steps_ : 0, 0);
    first_positions_.push_back(position);
  }
  return group;
}

base::Status GroupFold::Add(uint64_t position, labels::LabelSpan labels, std::span<const double> values,
                            std::span<const HistogramPtr> histograms) {
  TH_ASSIGN_OR_RETURN(const uint32_t group, FindGroup(labels, position));
  Fold(op_, states_[group], values);
  if (!histograms.empty()) [[unlikely]] {
    return AddHistograms(states_[group], labels, histograms);
  }
  return base::OkStatus();
}

base::Status GroupFold::AddHistograms(GroupState& state, labels::LabelSpan labels,
                                      std::span<const HistogramPtr> histograms) {
  histograms_seen_ = true;
  if (op_ == AggregateOp::kSum || op_ == AggregateOp::kAvg) {
    if (state.histograms == nullptr) {
      state.histograms = std::make_unique<HistogramFold>(num_steps_, budget_, position_);
    }
    return state.histograms->Add(histograms, labels::Get(labels, labels::kMetricName), annotations_);
  }
  if (op_ == AggregateOp::kCount || op_ == AggregateOp::kGroup) {
    std::vector<double> present(num_steps_);
    std::ranges::transform(histograms, present.begin(),
                           [](const HistogramPtr& histogram) { return histogram != nullptr ? 1 : kAbsent; });
    Fold(op_, state, present);
    return base::OkStatus();
  }
  notes::IgnoredInAggregation(annotations_, promql_parser::ToString(op_), position_);
  return base::OkStatus();
}

base::Status GroupFold::Merge(GroupFold& other) {
  annotations_.Merge(other.annotations_);
  histograms_seen_ |= other.histograms_seen_;
  for (uint32_t i = 0; i < other.states_.size(); ++i) {
    const size_t known = states_.size();
    // Group labels have the key of their series, because only kept labels enter it.
    TH_ASSIGN_OR_RETURN(const uint32_t group,
                        FindGroup(other.table_.group_labels()[i], other.first_positions_[i]));
    if (group == known) {
      states_[group] = std::move(other.states_[i]);
    } else {
      first_positions_[group] = std::min(first_positions_[group], other.first_positions_[i]);
      MergeStates(op_, states_[group], other.states_[i]);
      if (states_[group].histograms == nullptr) {
        states_[group].histograms = std::move(other.states_[i].histograms);
      } else if (other.states_[i].histograms != nullptr) {
        TH_RETURN_IF_ERROR(states_[group].histograms->Merge(*other.states_[i].histograms, annotations_));
      }
    }
  }
  return base::OkStatus();
}

base::StatusOr<Block> GroupFold::Finish() {
  std::vector<uint32_t> order(states_.size());
  std::iota(order.begin(), order.end(), 0U);
  std::ranges::sort(order, {}, [this](uint32_t group) { return first_positions_[group]; });
  Block block;
  block.num_steps = num_steps_;
  TH_RETURN_IF_ERROR(block.charge.Add(budget_, static_cast<int64_t>(states_.size() * num_steps_)));
  block.values.resize(states_.size() * num_steps_);
  for (const uint32_t group : order) {
    const GroupState& state = states_[group];
    block.labels.push_back(std::move(table_.group_labels()[group]));
    const std::span<double> row = block.Row(block.num_series() - 1);
    for (size_t i = 0; i < num_steps_; ++i) {
      row[i] = IsPresent(state.value[i]) ? FinalValue(op_, state, i) : kAbsent;
    }
    if (state.histograms != nullptr) {
      block.SetHistograms(block.num_series() - 1,
                          state.histograms->Finish(op_ == AggregateOp::kAvg, row, annotations_));
    }
  }
  if (histograms_seen_) {
    RemoveEmptySeries(block);
  }
  return block;
}

}  // namespace thanos::promql
