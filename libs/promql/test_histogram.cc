#include "promql/test_histogram.h"

#include <cmath>
#include <utility>

#include "base/strings.h"
#include "labels/builder.h"
#include "model/histogram_buckets.h"
#include "model/histogram_math.h"
#include "promql/annotations.h"
#include "promql/block.h"

namespace thanos::promql {
namespace {

using model::CounterResetHint;

base::StatusOr<double> Number(std::string_view text) {
  if (const std::optional<double> number = base::ParseDouble(text)) {
    return *number;
  }
  return base::InvalidArgument("bad number ", text, " in a histogram");
}

base::StatusOr<std::vector<double>> Numbers(std::string_view text) {
  std::vector<double> numbers;
  if (text.size() < 2 || text.front() != '[' || text.back() != ']') {
    return base::InvalidArgument("bad list ", text, " in a histogram");
  }
  for (const std::string_view word : base::Split(text.substr(1, text.size() - 2), ' ')) {
    if (!word.empty()) {
      TH_ASSIGN_OR_RETURN(numbers.emplace_back(), Number(word));
    }
  }
  return numbers;
}

base::StatusOr<CounterResetHint> Hint(std::string_view text) {
  constexpr std::pair<std::string_view, CounterResetHint> kHints[] = {
      {"unknown", CounterResetHint::kUnknown},
      {"reset", CounterResetHint::kReset},
      {"not_reset", CounterResetHint::kNotReset},
      {"gauge", CounterResetHint::kGauge}};
  for (const auto& [name, hint] : kHints) {
    if (name == text) {
      return hint;
    }
  }
  return base::InvalidArgument("unknown counter_reset_hint ", text);
}

// The next "name:value"; a list may have spaces.
std::string_view TakeField(std::string_view& text) {
  size_t end = 0;
  bool in_list = false;
  for (; end < text.size() && (in_list || text[end] != ' '); ++end) {
    in_list = text[end] == '[' || (in_list && text[end] != ']');
  }
  const std::string_view field = text.substr(0, end);
  text = base::Trim(text.substr(end));
  return field;
}

base::Status SetField(std::string_view name, std::string_view value, TestHistogram& out, int32_t offsets[2]) {
  model::Histogram& histogram = out.value;
  const std::pair<std::string_view, double*> numbers[] = {{"sum", &histogram.sum},
                                                          {"count", &histogram.count},
                                                          {"z_bucket", &histogram.zero_count},
                                                          {"z_bucket_w", &histogram.zero_threshold}};
  for (const auto& [number, field] : numbers) {
    if (number == name) {
      TH_ASSIGN_OR_RETURN(*field, Number(value));
      return base::OkStatus();
    }
  }
  const std::pair<std::string_view, std::vector<double>*> lists[] = {
      {"buckets", &histogram.positive_buckets},
      {"n_buckets", &histogram.negative_buckets},
      {"custom_values", &histogram.custom_bounds}};
  for (const auto& [list, field] : lists) {
    if (list == name) {
      TH_ASSIGN_OR_RETURN(*field, Numbers(value));
      return base::OkStatus();
    }
  }
  const std::pair<std::string_view, int32_t*> integers[] = {
      {"schema", &histogram.schema}, {"offset", &offsets[0]}, {"n_offset", &offsets[1]}};
  for (const auto& [integer, field] : integers) {
    if (integer == name) {
      TH_ASSIGN_OR_RETURN(const double number, Number(value));
      *field = static_cast<int32_t>(number);
      return base::OkStatus();
    }
  }
  if (name == "counter_reset_hint") {
    out.hint_given = true;
    TH_ASSIGN_OR_RETURN(histogram.counter_reset_hint, Hint(value));
    return base::OkStatus();
  }
  return base::InvalidArgument("unknown field ", name, " of a histogram");
}

// "{{...}}" from the front of `text`.
base::StatusOr<TestHistogram> TakeOne(std::string_view& text) {
  const size_t end = text.find("}}");
  if (!text.starts_with("{{") || end == std::string_view::npos) {
    return base::InvalidArgument("histogram expected at ", text);
  }
  const std::string_view body = text.substr(2, end - 2);
  text.remove_prefix(end + 2);
  return ParseTestHistogram(body);
}

bool Close(double a, double b) {
  constexpr double kEpsilon = 1e-6;
  if (a == b || (std::isnan(a) && std::isnan(b))) {
    return true;
  }
  const double sum = std::fabs(a) + std::fabs(b);
  return std::isfinite(sum) && std::fabs(a - b) < kEpsilon * std::max(sum, 1e-300);
}

bool Close(const std::vector<double>& a, const std::vector<double>& b) {
  bool same = a.size() == b.size();
  for (size_t i = 0; same && i < a.size(); ++i) {
    same = Close(a[i], b[i]);
  }
  return same;
}

}  // namespace

base::StatusOr<TestHistogram> ParseTestHistogram(std::string_view text) {
  TestHistogram out;
  out.value.is_float = true;
  int32_t offsets[2] = {0, 0};
  for (text = base::Trim(text); !text.empty();) {
    const std::string_view field = TakeField(text);
    const size_t colon = field.find(':');
    if (colon == std::string_view::npos) {
      return base::InvalidArgument("bad field ", field, " of a histogram");
    }
    TH_RETURN_IF_ERROR(SetField(field.substr(0, colon), base::Trim(field.substr(colon + 1)), out, offsets));
  }
  const auto spans = [](int32_t offset, const std::vector<double>& buckets) {
    return buckets.empty() ? std::vector<model::Span>()
                           : std::vector<model::Span>{{offset, static_cast<uint32_t>(buckets.size())}};
  };
  out.value.positive_spans = spans(offsets[0], out.value.positive_buckets);
  out.value.negative_spans = spans(offsets[1], out.value.negative_buckets);
  return out;
}

base::StatusOr<std::vector<TestHistogram>> TakeTestHistograms(std::string_view& text) {
  TH_ASSIGN_OR_RETURN(const TestHistogram first, TakeOne(text));
  std::vector<TestHistogram> out = {first};
  const char sign = text.empty() ? ' ' : text.front();
  TestHistogram step;
  if (sign == '+' || sign == '-') {
    text.remove_prefix(1);
    TH_ASSIGN_OR_RETURN(step, TakeOne(text));
  }
  if (!text.starts_with('x')) {
    return out;
  }
  const size_t end = std::min(text.find(' '), text.size());
  const std::optional<int64_t> times = base::ParseInt64(text.substr(1, end - 1));
  if (!times || *times < 0 || *times > 100'000) {
    return base::InvalidArgument("bad repetition at ", text);
  }
  text.remove_prefix(end);
  for (int64_t i = 0; i < *times; ++i) {
    TestHistogram next = out.back();
    if (sign == '+') {
      model::Add(next.value, step.value);
    } else if (sign == '-') {
      model::Subtract(next.value, step.value);
    }
    out.push_back(std::move(next));
  }
  return out;
}

void ClassicHistograms::Add(const labels::Labels& labels, const std::vector<TestSample>& samples) {
  std::string_view name = labels::Get(labels, labels::kMetricName);
  const std::optional<double> bound = base::ParseDouble(labels::Get(labels, "le"));
  std::string_view suffix;
  for (const std::string_view known : {"_bucket", "_sum", "_count"}) {
    suffix = name.ends_with(known) ? known : suffix;
  }
  if (suffix.empty() || (suffix == "_bucket") != bound.has_value()) {
    return;
  }
  name.remove_suffix(suffix.size());
  labels::LabelBuilder builder;
  builder.Reset(labels);
  builder.Delete("le");
  builder.Set(std::string(labels::kMetricName), std::string(name));
  std::map<size_t, Step>& steps = histograms_[builder.Build()];
  for (size_t i = 0; i < samples.size(); ++i) {
    if (!IsPresent(samples[i].value)) {
      continue;
    }
    if (suffix == "_bucket") {
      steps[i].cumulative[*bound] = samples[i].value;
    } else if (suffix == "_sum") {
      steps[i].sum = samples[i].value;
    } else {
      steps[i].count = samples[i].value;
    }
  }
}

std::vector<std::pair<labels::Labels, std::vector<TestSample>>> ClassicHistograms::ToNative() const {
  std::vector<std::pair<labels::Labels, std::vector<TestSample>>> out;
  for (const auto& [labels, steps] : histograms_) {
    std::vector<TestSample> samples(steps.rbegin()->first + 1, TestSample{kAbsent});
    for (const auto& [index, step] : steps) {
      model::Histogram histogram;
      histogram.is_float = true;
      histogram.schema = model::kCustomBucketsSchema;
      histogram.sum = step.sum;
      double below = 0;
      for (const auto& [bound, count] : step.cumulative) {
        if (std::isfinite(bound)) {
          histogram.custom_bounds.push_back(bound);
        }
        histogram.positive_buckets.push_back(count - below);
        below = count;
      }
      histogram.count = step.count.value_or(below);
      if (step.cumulative.size() == histogram.custom_bounds.size()) {
        histogram.positive_buckets.push_back(histogram.count - below);
      }
      histogram.positive_spans = {{0, static_cast<uint32_t>(histogram.positive_buckets.size())}};
      model::Compact(histogram);
      samples[index] = {0, std::make_shared<const model::Histogram>(std::move(histogram))};
    }
    out.emplace_back(labels, std::move(samples));
  }
  return out;
}

bool SameTestHistogram(const model::Histogram& want, const model::Histogram& got, bool hint_matters) {
  model::Histogram a = want;
  model::Histogram b = got;
  model::Compact(a);
  model::Compact(b);
  return a.schema == b.schema && a.zero_threshold == b.zero_threshold && Close(a.zero_count, b.zero_count) &&
         Close(a.count, b.count) && Close(a.sum, b.sum) && a.positive_spans == b.positive_spans &&
         a.negative_spans == b.negative_spans && Close(a.positive_buckets, b.positive_buckets) &&
         Close(a.negative_buckets, b.negative_buckets) && a.custom_bounds == b.custom_bounds &&
         (!hint_matters || a.counter_reset_hint == b.counter_reset_hint);
}

std::string ShowTestHistogram(const model::Histogram& histogram) {
  constexpr std::string_view kHints[] = {"unknown", "reset", "not_reset", "gauge"};
  return base::Concat("{", kHints[static_cast<size_t>(histogram.counter_reset_hint)],
                      " schema:", histogram.schema, " zero:", FormatGeneral(histogram.zero_threshold), "}",
                      model::ToString(histogram, FormatGeneral));
}

}  // namespace thanos::promql
