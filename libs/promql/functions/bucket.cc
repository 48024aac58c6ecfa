#include "promql/functions/bucket.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <map>
#include <string>

#include "base/strings.h"
#include "labels/builder.h"

namespace thanos::promql {
namespace {

constexpr double kNan = std::numeric_limits<double>::quiet_NaN();
constexpr double kInfinity = std::numeric_limits<double>::infinity();
// Relative differences below this are rounding errors of sums, not real decreases.
constexpr double kSmallDelta = 1e-12;

bool AlmostEqual(double a, double b) {
  constexpr double kMinNormal = std::numeric_limits<double>::min();
  if (a == b) {
    return true;
  }
  const double sum = std::fabs(a) + std::fabs(b);
  const double difference = std::fabs(a - b);
  if (a == 0 || b == 0 || sum < kMinNormal) {
    return difference < kSmallDelta * kMinNormal;
  }
  return difference / std::min(sum, std::numeric_limits<double>::max()) < kSmallDelta;
}

void JoinEqualBounds(std::vector<Bucket>& buckets) {
  size_t last = 0;
  for (size_t i = 1; i < buckets.size(); ++i) {
    if (buckets[i].upper_bound == buckets[last].upper_bound) {
      buckets[last].count += buckets[i].count;
    } else {
      buckets[++last] = buckets[i];
    }
  }
  buckets.resize(last + 1);
}

// Returns whether a count fell by more than a rounding error.
bool MakeMonotonic(std::vector<Bucket>& buckets) {
  bool forced = false;
  double previous = buckets[0].count;
  for (size_t i = 1; i < buckets.size(); ++i) {
    const double current = buckets[i].count;
    if (current == previous) {
      continue;
    }
    if (AlmostEqual(previous, current)) {
      buckets[i].count = previous;
    } else if (current < previous) {
      buckets[i].count = previous;
      forced = true;
    } else {
      previous = current;
    }
  }
  return forced;
}

// The bucket series of one histogram, by bound.
struct Histogram {
  struct Member {
    double upper_bound = 0;
    uint32_t series = 0;
  };
  labels::Labels labels;  // without le, with the name
  std::vector<Member> members;
};

std::vector<Histogram> GroupBuckets(const Block& input, const EvaluationScope& scope) {
  std::vector<Histogram> histograms;
  base::StringMap<size_t> by_key;
  std::string key;
  std::vector<labels::LabelView> rest;
  for (uint32_t series = 0; series < input.num_series(); ++series) {
    const labels::LabelSpan labels = input.labels[series];
    const std::string_view le = labels::Get(labels, "le");
    const std::optional<double> bound = base::ParseDouble(le);
    if (!bound) {
      scope.annotations.BadBucketLabel(labels::Get(labels, labels::kMetricName), le, scope.position);
      continue;
    }
    key.clear();
    rest.clear();
    for (const labels::LabelView& label : labels) {
      if (label.name != "le") {
        base::Append(key, label.name, '\xff', label.value, '\xff');
        rest.push_back(label);
      }
    }
    const auto [it, is_new] = by_key.try_emplace(key, histograms.size());
    if (is_new) {
      histograms.push_back({labels::Labels(labels::LabelSpan(rest)), {}});
    }
    histograms[it->second].members.push_back({*bound, series});
  }
  for (Histogram& histogram : histograms) {
    std::ranges::stable_sort(histogram.members, {}, &Histogram::Member::upper_bound);
  }
  return histograms;
}

// Sets `buckets` to those of `histogram` at `step`.
void CollectBuckets(const Block& input, const Histogram& histogram, size_t step,
                    std::vector<Bucket>& buckets) {
  buckets.clear();
  for (const Histogram::Member& member : histogram.members) {
    const double count = input.Row(member.series)[step];
    if (IsPresent(count)) {
      buckets.push_back({member.upper_bound, count});
    }
  }
}

base::StatusOr<Block> Finish(Block out, const EvaluationScope& scope) {
  DropNames(out, scope.delayed_name_removal);
  RemoveEmptySeries(out);
  if (!scope.delayed_name_removal) {
    TH_RETURN_IF_ERROR(MergeEqualLabels(out));
  }
  return out;
}

// Calls compute(histogram, step, buckets) where any bucket is present.
template <typename Compute>
base::StatusOr<Block> ForEachHistogram(const Block& input, const EvaluationScope& scope, Compute compute) {
  Block out;
  out.num_steps = input.num_steps;
  std::vector<Bucket> buckets;
  for (const Histogram& histogram : GroupBuckets(input, scope)) {
    TH_RETURN_IF_ERROR(scope.cancel.status());
    TH_RETURN_IF_ERROR(out.charge.Add(scope.budget, static_cast<int64_t>(out.num_steps)));
    out.labels.push_back(histogram.labels);
    for (size_t step = 0; step < out.num_steps; ++step) {
      CollectBuckets(input, histogram, step, buckets);
      out.values.push_back(buckets.empty() ? kAbsent : compute(histogram, step, buckets));
    }
  }
  return Finish(std::move(out), scope);
}

double AnnotatedQuantile(double quantile, const Histogram& histogram, std::vector<Bucket>& buckets,
                         const EvaluationScope& scope) {
  bool forced = false;
  const double value = BucketQuantile(quantile, buckets, &forced);
  if (forced) {
    scope.annotations.ForcedMonotonicity(labels::Get(histogram.labels, labels::kMetricName), scope.position);
  }
  return value;
}

}  // namespace

std::string QuantileText(double quantile) {
  std::string text = FormatGeneral(quantile);
  return std::isfinite(quantile) && text.find_first_of(".e") == std::string::npos ? text + ".0" : text;
}

double BucketQuantile(double quantile, std::vector<Bucket>& buckets, bool* forced_monotonicity) {
  *forced_monotonicity = false;
  if (std::isnan(quantile)) {
    return kNan;
  }
  if (quantile < 0) {
    return -kInfinity;
  }
  if (quantile > 1) {
    return kInfinity;
  }
  if (buckets.empty() || buckets.back().upper_bound != kInfinity) {
    return kNan;
  }
  JoinEqualBounds(buckets);
  const bool forced = MakeMonotonic(buckets);
  if (buckets.size() < 2 || buckets.back().count == 0) {
    return kNan;
  }
  *forced_monotonicity = forced;
  double rank = quantile * buckets.back().count;
  // The first bucket (the last one aside) that reaches the rank; with NaN counts none does.
  size_t low = 0;
  size_t high = buckets.size() - 1;
  while (low < high) {
    const size_t middle = (low + high) / 2;
    if (buckets[middle].count >= rank) {
      high = middle;
    } else {
      low = middle + 1;
    }
  }
  if (low == buckets.size() - 1) {
    return buckets[buckets.size() - 2].upper_bound;
  }
  if (low == 0 && buckets[0].upper_bound <= 0) {
    return buckets[0].upper_bound;
  }
  double start = 0;
  double count = buckets[low].count;
  if (low > 0) {
    start = buckets[low - 1].upper_bound;
    count -= buckets[low - 1].count;
    rank -= buckets[low - 1].count;
  }
  return start + (buckets[low].upper_bound - start) * (rank / count);
}

double BucketFraction(double lower, double upper, std::vector<Bucket>& buckets) {
  if (buckets.empty() || buckets.back().upper_bound != kInfinity) {
    return kNan;
  }
  JoinEqualBounds(buckets);
  const double total = buckets.back().count;
  if (total == 0 || std::isnan(lower) || std::isnan(upper)) {
    return kNan;
  }
  if (lower >= upper) {
    return 0;
  }
  // The number of observations below `value`, linear inside its bucket. The lowest bucket starts at 0 when
  // its bound is positive, as for quantiles.
  const auto rank_of = [&](double value) {
    double rank = 0;
    for (size_t i = 0; i < buckets.size(); ++i) {
      const Bucket& bucket = buckets[i];
      double start = i > 0 ? buckets[i - 1].upper_bound : -kInfinity;
      if (i == 0 && bucket.upper_bound > 0) {
        start = 0;
      }
      if (start >= value) {
        return rank;
      }
      if (bucket.upper_bound > value) {
        // A bucket that reaches to -Inf cannot be interpolated; one to +Inf adds nothing below by itself.
        return std::isinf(start)
                   ? bucket.count
                   : rank + (bucket.count - rank) * (value - start) / (bucket.upper_bound - start);
      }
      rank = bucket.count;
    }
    return total;
  };
  return (std::min(rank_of(upper), total) - std::min(rank_of(lower), total)) / total;
}

void AnnotateQuantiles(const std::vector<double>& quantiles, const EvaluationScope& scope) {
  for (const double quantile : quantiles) {
    if (!(quantile >= 0 && quantile <= 1)) {
      scope.annotations.InvalidQuantile(quantile, scope.position);
    }
  }
}

base::StatusOr<Block> HistogramQuantile(const std::vector<double>& quantile, const Block& input,
                                        const EvaluationScope& scope) {
  return ForEachHistogram(input, scope,
                          [&](const Histogram& histogram, size_t step, std::vector<Bucket>& buckets) {
                            return AnnotatedQuantile(quantile[step], histogram, buckets, scope);
                          });
}

base::StatusOr<Block> HistogramQuantiles(const std::string& label,
                                         const std::vector<std::vector<double>>& quantiles,
                                         const Block& input, const EvaluationScope& scope) {
  Block out;
  out.num_steps = input.num_steps;
  std::vector<Bucket> buckets;
  std::map<std::string, size_t> rows;  // of one histogram, by quantile, which may change from step to step
  labels::LabelBuilder builder;
  for (const Histogram& histogram : GroupBuckets(input, scope)) {
    rows.clear();
    for (size_t step = 0; step < out.num_steps; ++step) {
      TH_RETURN_IF_ERROR(scope.cancel.status());
      CollectBuckets(input, histogram, step, buckets);
      for (size_t i = 0; i < quantiles.size() && !buckets.empty(); ++i) {
        const auto [row, is_new] = rows.try_emplace(QuantileText(quantiles[i][step]), out.num_series());
        if (is_new) {
          TH_RETURN_IF_ERROR(out.charge.Add(scope.budget, static_cast<int64_t>(out.num_steps)));
          builder.Reset(histogram.labels);
          builder.Set(label, row->first);
          out.labels.push_back(builder.Build());
          out.values.resize(out.values.size() + out.num_steps, kAbsent);
        }
        double& value = out.Row(row->second)[step];
        if (IsPresent(value)) {
          return DuplicateLabelSetError();
        }
        value = AnnotatedQuantile(quantiles[i][step], histogram, buckets, scope);
      }
    }
  }
  return Finish(std::move(out), scope);
}

base::StatusOr<Block> HistogramFraction(const std::vector<double>& lower, const std::vector<double>& upper,
                                        const Block& input, const EvaluationScope& scope) {
  return ForEachHistogram(input, scope, [&](const Histogram&, size_t step, std::vector<Bucket>& buckets) {
    return BucketFraction(lower[step], upper[step], buckets);
  });
}

}  // namespace thanos::promql
