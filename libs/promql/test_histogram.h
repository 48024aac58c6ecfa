#pragma once

// Native histograms in test scripts: {{schema:0 sum:5 count:4 buckets:[1 2 1]}}.

#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/status.h"
#include "labels/labels.h"
#include "promql/histogram/column.h"

namespace thanos::promql {

// One entry of a test series: a float (kAbsent: a gap) or a histogram.
struct TestSample {
  double value = 0;
  HistogramPtr histogram = {};
  bool hint_matters = false;  // of an expected histogram
};

struct TestHistogram {
  model::Histogram value;
  bool hint_given = false;  // counter_reset_hint is part of the text
};

// Fields, all optional: schema, sum, count, z_bucket, z_bucket_w, custom_values:[...], offset, buckets:[...],
// n_offset, n_buckets:[...], counter_reset_hint:unknown|reset|not_reset|gauge. `text` is without the braces.
base::StatusOr<TestHistogram> ParseTestHistogram(std::string_view text);

// A histogram, {{a}}x3 (four times), {{a}}+{{b}}x3 or {{a}}-{{b}}x3 (growing or shrinking three times by b).
// Takes it from the front of `text`.
base::StatusOr<std::vector<TestHistogram>> TakeTestHistograms(std::string_view& text);

// Collects classic histograms (series *_bucket with le, *_sum, *_count) and makes native ones with custom
// buckets of them, as the command load_with_nhcb does.
class ClassicHistograms {
 public:
  // Other series are ignored. `samples` is one entry per step.
  void Add(const labels::Labels& labels, const std::vector<TestSample>& samples);
  std::vector<std::pair<labels::Labels, std::vector<TestSample>>> ToNative() const;

 private:
  struct Step {
    std::map<double, double> cumulative;  // by upper bound
    double sum = 0;
    std::optional<double> count;
  };
  std::map<labels::Labels, std::map<size_t, Step>> histograms_;
};

// Equal but for rounding errors, with empty buckets left out. Hints count only when `hint_matters`.
bool SameTestHistogram(const model::Histogram& want, const model::Histogram& got, bool hint_matters);

std::string ShowTestHistogram(const model::Histogram& histogram);

}  // namespace thanos::promql
