#include "promql/annotations.h"

#include <charconv>
#include <cmath>
#include <utility>

#include "promql_parser/parser.h"

namespace thanos::promql {
namespace {

// More texts than anyone reads.
constexpr size_t kMaxPerKind = 10;
// Bounds the memory of a query over many odd series: texts beyond are not even counted.
constexpr size_t kMaxEntries = 1000;

// Shortest round-trip digits d1d2d3... and the exponent of d1.
struct Decimal {
  bool negative = false;
  std::string digits;
  int exponent = 0;
};

Decimal ToDecimal(double value) {
  char buffer[40];
  const auto result =
      std::to_chars(buffer, buffer + sizeof(buffer), std::fabs(value), std::chars_format::scientific);
  const std::string_view text(buffer, static_cast<size_t>(result.ptr - buffer));
  const size_t e = text.find('e');
  Decimal out;
  out.negative = std::signbit(value);
  for (const char c : text.substr(0, e)) {
    if (c != '.') {
      out.digits.push_back(c);
    }
  }
  std::string_view exponent = text.substr(e + 1);
  if (exponent.starts_with('+')) {
    exponent.remove_prefix(1);
  }
  std::from_chars(exponent.data(), exponent.data() + exponent.size(), out.exponent);
  return out;
}

std::string NotFinite(double value) {
  if (std::isnan(value)) {
    return "NaN";
  }
  return value > 0 ? "+Inf" : "-Inf";
}

std::string Plain(const Decimal& decimal) {
  std::string out = decimal.negative ? "-" : "";
  const int count = static_cast<int>(decimal.digits.size());
  if (decimal.exponent < 0) {
    out += "0.";
    out.append(static_cast<size_t>(-decimal.exponent - 1), '0');
    return out + decimal.digits;
  }
  const int integer_digits = decimal.exponent + 1;
  if (count <= integer_digits) {
    out += decimal.digits;
    out.append(static_cast<size_t>(integer_digits - count), '0');
    return out;
  }
  out += decimal.digits.substr(0, static_cast<size_t>(integer_digits));
  out += '.';
  return out + decimal.digits.substr(static_cast<size_t>(integer_digits));
}

}  // namespace

std::string FormatPlain(double value) {
  return std::isfinite(value) ? Plain(ToDecimal(value)) : NotFinite(value);
}

std::string FormatGeneral(double value) {
  if (!std::isfinite(value)) {
    return NotFinite(value);
  }
  const Decimal decimal = ToDecimal(value);
  if (value == 0 || (decimal.exponent >= -4 && decimal.exponent < 6)) {
    return Plain(decimal);
  }
  std::string out = decimal.negative ? "-" : "";
  out += decimal.digits[0];
  if (decimal.digits.size() > 1) {
    base::Append(out, ".", decimal.digits.substr(1));
  }
  const int magnitude = std::abs(decimal.exponent);
  base::Append(out, decimal.exponent < 0 ? "e-" : "e+", magnitude < 10 ? "0" : "", magnitude);
  return out;
}

void Annotations::Add(std::string text, int position) {
  const auto it = index_.find(std::string_view(text));
  if (it != index_.end()) {
    entries_[it->second].position = position;
    return;
  }
  if (entries_.size() < kMaxEntries) {
    index_.emplace(text, entries_.size());
    entries_.push_back({std::move(text), position});
  }
}

void Annotations::Merge(const Annotations& other) {
  for (const Entry& entry : other.entries_) {
    Add(entry.text, entry.position);
  }
}

Annotations::Texts Annotations::Render(std::string_view query, bool separate_infos) const {
  Texts texts;
  size_t num_warnings = 0;
  size_t num_infos = 0;
  for (const Entry& entry : entries_) {
    const bool is_info = entry.text.starts_with("PromQL info");
    const bool is_ours = is_info || entry.text.starts_with("PromQL warning");
    size_t& count = is_info ? num_infos : num_warnings;
    if (is_ours && ++count > kMaxPerKind) {
      continue;
    }
    std::string text = entry.text;
    if (separate_infos && is_ours && entry.position != kNoPosition &&
        static_cast<size_t>(entry.position) <= query.size()) {
      base::Append(text, " (", promql_parser::LineAndColumn(query, entry.position), ")");
    }
    (is_info && separate_infos ? texts.infos : texts.warnings).push_back(std::move(text));
  }
  if (num_warnings > kMaxPerKind) {
    texts.warnings.push_back(base::Concat(num_warnings - kMaxPerKind, " more warning annotations omitted"));
  }
  if (num_infos > kMaxPerKind) {
    (separate_infos ? texts.infos : texts.warnings)
        .push_back(base::Concat(num_infos - kMaxPerKind, " more info annotations omitted"));
  }
  return texts;
}

void Annotations::InvalidQuantile(double quantile, int position) {
  Add(base::Concat("PromQL warning: quantile value should be between 0 and 1, got ", FormatGeneral(quantile)),
      position);
}

void Annotations::InvalidRatio(double ratio, double capped_to, int position) {
  Add(base::Concat("PromQL warning: ratio value should be between -1 and 1, got ", FormatGeneral(ratio),
                   ", capping to ", FormatGeneral(capped_to)),
      position);
}

void Annotations::BadBucketLabel(std::string_view metric_name, std::string_view le, int position) {
  Add(base::Concat("PromQL warning: bucket label \"le\" is missing or has a malformed value of ",
                   base::Quote(le), " for metric name ", base::Quote(metric_name)),
      position);
}

void Annotations::PossibleNonCounter(std::string_view metric_name, int position) {
  Add(base::Concat(
          "PromQL info: metric might not be a counter, name does not end in _total/_sum/_count/_bucket: ",
          base::Quote(metric_name)),
      position);
}

void Annotations::PossibleNonCounterType(std::string_view metric_name, std::string_view type, int position) {
  Add(base::Concat("PromQL info: metric might not be a counter, __type__ label is not set to \"counter\" or "
                   "\"histogram\", got ",
                   base::Quote(type), ": ", base::Quote(metric_name)),
      position);
}

void Annotations::ForcedMonotonicity(std::string_view metric_name, int position) {
  Add(base::Concat("PromQL info: input to histogram_quantile needed to be fixed for monotonicity (see "
                   "https://prometheus.io/docs/prometheus/latest/querying/functions/#histogram_quantile) for "
                   "metric name ",
                   base::Quote(metric_name)),
      position);
}

}  // namespace thanos::promql
