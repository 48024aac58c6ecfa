// info(v, {selector}): adds the labels of info series (target_info by default) that have the same instance
// and job. A series is looked up at the time its base sample is from: @ and offset of the argument move both.

#include <algorithm>
#include <cmath>
#include <map>
#include <re2/re2.h>
#include <utility>

#include "labels/builder.h"
#include "promql/evaluator.h"

namespace thanos::promql {
namespace {

using labels::Matcher;
using labels::MatchType;
using promql_parser::Call;
using promql_parser::Expr;
using promql_parser::SubqueryExpr;
using promql_parser::VectorSelector;

constexpr std::string_view kIdentifyingLabels[] = {"instance", "job"};
constexpr int32_t kNone = -1;

// The conditions of the second argument.
struct InfoMatchers {
  std::vector<Matcher> name;  // on __name__; never empty
  std::vector<Matcher> data;  // on other labels

  bool IsInfoName(std::string_view metric_name) const {
    return std::ranges::all_of(name, [&](const Matcher& matcher) { return matcher.Matches(metric_name); });
  }
  bool Wants(std::string_view label) const {
    return data.empty() || std::ranges::any_of(data, [&](const Matcher& m) { return m.name() == label; });
  }
  bool DataMayBeMissing() const {
    return std::ranges::all_of(data, [](const Matcher& matcher) { return matcher.MatchesEmpty(); });
  }
};

base::StatusOr<InfoMatchers> SplitMatchers(const Call& call) {
  InfoMatchers matchers;
  if (call.args.size() > 1) {
    for (const Matcher& matcher : call.args[1]->As<VectorSelector>()->matchers) {
      (matcher.name() == labels::kMetricName ? matchers.name : matchers.data).push_back(matcher);
    }
  }
  const std::string metric_name(labels::kMetricName);
  const bool positive = std::ranges::any_of(matchers.name, [](const Matcher& matcher) {
    return matcher.type() == MatchType::kEqual || matcher.type() == MatchType::kRegexp;
  });
  if (matchers.name.empty()) {
    matchers.name.push_back(Matcher::Equal(metric_name, "target_info"));
  } else if (!positive) {
    TH_ASSIGN_OR_RETURN(Matcher any_info, Matcher::Create(MatchType::kRegexp, metric_name, ".+_info"));
    matchers.name.insert(matchers.name.begin(), std::move(any_info));
  }
  return matchers;
}

// When the first selector of `expr` is read: at a fixed time, or this much before the evaluation time.
struct SelectTime {
  bool found = false;
  std::optional<int64_t> at_ms;
  int64_t offset_ms = 0;
};

SelectTime FindSelectTime(const Plan& plan, const Expr& expr) {
  if (const auto* selector = expr.As<VectorSelector>()) {
    return {true, plan.AtMs(*selector), selector->offset_ms};
  }
  for (const Expr* child : promql_parser::Children(expr)) {
    SelectTime time = FindSelectTime(plan, *child);
    if (!time.found) {
      continue;
    }
    if (const auto* subquery = expr.As<SubqueryExpr>(); subquery != nullptr && !time.at_ms.has_value()) {
      time.offset_ms += subquery->offset_ms;
      time.at_ms = plan.AtMs(*subquery);
    }
    return time;
  }
  return {};
}

// A matcher for the values `label` has in the series of `base` that are to be enriched; none when there are
// no such values.
base::StatusOr<std::optional<Matcher>> MatchValues(const Block& base, const std::vector<uint8_t>& ignored,
                                                   std::string_view label) {
  base::StringSet values;
  for (size_t series = 0; series < base.num_series(); ++series) {
    const std::string_view value = labels::Get(base.labels[series], label);
    if (ignored[series] == 0 && !value.empty()) {
      values.emplace(value);
    }
  }
  if (values.empty()) {
    return std::optional<Matcher>();
  }
  std::vector<std::string> sorted(values.begin(), values.end());
  std::ranges::sort(sorted);
  std::string pattern;
  for (const std::string& value : sorted) {
    base::Append(pattern, pattern.empty() ? "" : "|", RE2::QuoteMeta(value));
  }
  auto matcher = Matcher::Create(MatchType::kRegexp, std::string(label), std::move(pattern));
  if (!matcher.ok()) {
    // More values than an expression may hold: select all; the join is by value anyway.
    TH_ASSIGN_OR_RETURN(Matcher any, Matcher::Create(MatchType::kRegexp, std::string(label), ".+"));
    return std::optional<Matcher>(std::move(any));
  }
  return std::optional<Matcher>(*std::move(matcher));
}

// Joins base series with info series, step by step.
class InfoJoin {
 public:
  // `info` holds the times of the info series' samples in place of their values.
  InfoJoin(const InfoMatchers& matchers, Block base, std::vector<uint8_t> ignored, const Block& info,
           const EvaluationScope& scope)
      : matchers_(matchers),
        base_(std::move(base)),
        ignored_(std::move(ignored)),
        info_(info),
        scope_(scope) {}

  base::StatusOr<Block> Run() {
    Resolve();
    out_.num_steps = base_.num_steps;
    previous_.resize(base_.num_series());
    std::vector<int32_t> newest(num_signatures_);
    for (size_t step = 0; step < out_.num_steps; ++step) {
      TH_RETURN_IF_ERROR(scope_.cancel.status());
      TH_RETURN_IF_ERROR(FindNewest(step, newest));
      for (uint32_t series = 0; series < base_.num_series(); ++series) {
        if (base_.HasSample(series, step)) {
          TH_RETURN_IF_ERROR(AddSample(series, step, newest));
        }
      }
    }
    return std::move(out_);
  }

 private:
  // What a base series was joined with last, and the row that gave.
  struct Joined {
    std::vector<int32_t> info;
    int64_t row = kNone;  // kNone: the sample is dropped
    bool known = false;
  };

  static std::string IdentityOf(labels::LabelSpan labels) {
    std::string key;
    for (const std::string_view label : kIdentifyingLabels) {
      base::Append(key, labels::Get(labels, label), '\xff');
    }
    return key;
  }

  // Numbers the pairs of info metric and identity; tells each base series those of its identity.
  void Resolve() {
    base::StringMap<uint32_t> signatures;
    base::StringMap<std::vector<uint32_t>> by_identity;
    for (const labels::Labels& labels : info_.labels) {
      const std::string identity = IdentityOf(labels);
      const auto [it, is_new] =
          signatures.try_emplace(base::Concat(identity, labels::Get(labels, labels::kMetricName)),
                                 static_cast<uint32_t>(signatures.size()));
      info_signatures_.push_back(it->second);
      if (is_new) {
        by_identity[identity].push_back(it->second);
      }
    }
    num_signatures_ = signatures.size();
    for (uint32_t series = 0; series < base_.num_series(); ++series) {
      const auto it = by_identity.find(IdentityOf(base_.labels[series]));
      base_signatures_.push_back(ignored_[series] != 0 || it == by_identity.end() ? std::vector<uint32_t>()
                                                                                  : it->second);
    }
  }

  // Of the info series with one signature the one with the newest sample counts.
  base::Status FindNewest(size_t step, std::vector<int32_t>& newest) const {
    std::ranges::fill(newest, kNone);
    for (uint32_t series = 0; series < info_.num_series(); ++series) {
      const double time = info_.Row(series)[step];
      if (!IsPresent(time)) {
        continue;
      }
      int32_t& best = newest[info_signatures_[series]];
      const double best_time = best == kNone ? 0 : info_.Row(static_cast<size_t>(best))[step];
      if (best != kNone && best_time == time) {
        const auto milliseconds = static_cast<int64_t>(std::llround(time * 1000));
        return base::FailedPrecondition("found duplicate series for info metric: existing ",
                                        labels::ToString(info_.labels[static_cast<size_t>(best)]), " @ ",
                                        milliseconds, ", new ", labels::ToString(info_.labels[series]), " @ ",
                                        milliseconds);
      }
      if (best == kNone || time > best_time) {
        best = static_cast<int32_t>(series);
      }
    }
    return base::OkStatus();
  }

  base::Status AddSample(uint32_t series, size_t step, const std::vector<int32_t>& newest) {
    Joined& joined = previous_[series];
    found_.clear();
    for (const uint32_t signature : base_signatures_[series]) {
      if (newest[signature] != kNone) {
        found_.push_back(newest[signature]);
      }
    }
    if (!joined.known || joined.info != found_) {
      joined.known = true;
      joined.info = found_;
      TH_ASSIGN_OR_RETURN(joined.row, FindRow(series));
    }
    if (joined.row == kNone) {
      return base::OkStatus();
    }
    const auto row = static_cast<size_t>(joined.row);
    if (out_.HasSample(row, step)) {
      return DuplicateLabelSetError();
    }
    out_.Row(row)[step] = base_.Row(series)[step];
    const std::span<const HistogramPtr> histograms = base_.Histograms(series);
    if (step < histograms.size() && histograms[step] != nullptr) {
      HistogramRow taken = out_.TakeHistograms(row);
      taken.resize(out_.num_steps);
      taken[step] = histograms[step];
      out_.SetHistograms(row, std::move(taken));
    }
    return base::OkStatus();
  }

  // The row of base series `series` joined with found_.
  base::StatusOr<int64_t> FindRow(uint32_t series) {
    if (found_.empty() && ignored_[series] == 0 && !matchers_.DataMayBeMissing()) {
      return kNone;
    }
    const labels::Labels& base_labels = base_.labels[series];
    std::map<std::string_view, std::string_view> added;
    for (const int32_t info : found_) {
      for (const labels::LabelView& label : info_.labels[static_cast<size_t>(info)]) {
        if (label.name == labels::kMetricName || !matchers_.Wants(label.name)) {
          continue;
        }
        const auto it = added.find(label.name);
        if (it != added.end() && it->second != label.value) {
          return base::FailedPrecondition("conflicting label: ", label.name);
        }
        if (labels::Get(base_labels, label.name).empty()) {
          added.emplace(label.name, label.value);
        }
      }
    }
    builder_.Reset(base_labels);
    for (const auto& [name, value] : added) {
      builder_.Set(name, value);
    }
    labels::Labels result = builder_.Build();
    const auto [it, is_new] = rows_.try_emplace(result, out_.num_series());
    if (is_new) {
      TH_RETURN_IF_ERROR(out_.charge.Add(scope_.budget, static_cast<int64_t>(out_.num_steps)));
      out_.SetNameDropped(out_.num_series(), base_.NameDropped(series));
      out_.labels.push_back(std::move(result));
      out_.values.resize(out_.values.size() + out_.num_steps, kAbsent);
    }
    return static_cast<int64_t>(it->second);
  }

  const InfoMatchers& matchers_;
  const Block base_;
  const std::vector<uint8_t> ignored_;
  const Block& info_;
  const EvaluationScope& scope_;
  size_t num_signatures_ = 0;
  std::vector<uint32_t> info_signatures_;
  std::vector<std::vector<uint32_t>> base_signatures_;
  std::vector<Joined> previous_;
  std::vector<int32_t> found_;
  std::map<labels::Labels, size_t> rows_;
  labels::LabelBuilder builder_;
  Block out_;
};

}  // namespace

base::StatusOr<Block> Evaluator::EvalInfo(const Call& call, const StepGrid& grid) {
  TH_ASSIGN_OR_RETURN(Block base, EvalVector(*call.args[0], grid));
  TH_ASSIGN_OR_RETURN(const InfoMatchers matchers, SplitMatchers(call));
  std::vector<uint8_t> ignored;
  for (const labels::Labels& labels : base.labels) {
    ignored.push_back(matchers.IsInfoName(labels::Get(labels, labels::kMetricName)) ? 1 : 0);
  }
  VectorSelector selector;
  for (const std::string_view label : kIdentifyingLabels) {
    TH_ASSIGN_OR_RETURN(const std::optional<Matcher> matcher, MatchValues(base, ignored, label));
    if (matcher.has_value()) {
      selector.matchers.push_back(*matcher);
    }
  }
  Block info = EmptyBlock(grid.num_steps);
  if (!selector.matchers.empty()) {
    selector.matchers.insert(selector.matchers.end(), matchers.data.begin(), matchers.data.end());
    selector.matchers.insert(selector.matchers.end(), matchers.name.begin(), matchers.name.end());
    const SelectTime time = FindSelectTime(context_.plan, *call.args[0]);
    Pipeline pipeline;
    pipeline.selector = &selector;
    pipeline.grid = grid;
    pipeline.times = {time.at_ms.value_or(grid.start_ms) - time.offset_ms,
                      time.at_ms.has_value() ? 0 : grid.step_ms, grid.num_steps};
    SelectHints hints;
    hints.start_ms = pipeline.times.start_ms - context_.lookback_ms + 1;
    hints.end_ms = pipeline.times.LastMs();
    hints.step_ms = context_.query_step_ms;
    hints.function = "info";
    pipeline.hints = std::move(hints);
    // The times of the samples say which of several info series is the current one.
    pipeline.sample_times = true;
    TH_ASSIGN_OR_RETURN(info, ScanToBlock(context_, pipeline));
  }
  const EvaluationScope scope = Scope();
  return InfoJoin(matchers, std::move(base), std::move(ignored), info, scope).Run();
}

}  // namespace thanos::promql
