#include "promql/test_script.h"

#include <algorithm>
#include <cmath>
#include <map>
#include <optional>
#include <re2/re2.h>
#include <utility>

#include "base/strings.h"
#include "labels/builder.h"
#include "model/units.h"
#include "promql/annotations.h"
#include "promql/block.h"
#include "promql/test_histogram.h"
#include "promql_parser/parser.h"

namespace thanos::promql {
namespace {

constexpr double kEpsilon = 1e-6;
// What "stale" is parsed to; the marker itself means a gap.
constexpr uint64_t kStaleTokenBits = chunkenc::kStaleNanBits | (uint64_t{1} << 63);

bool SameFloat(double want, double got) {
  if (std::isnan(want) || std::isnan(got)) {
    return std::isnan(want) && std::isnan(got) && IsPresent(want) == IsPresent(got);
  }
  if (want == got) {
    return true;
  }
  const double sum = std::fabs(want) + std::fabs(got);
  return std::isfinite(sum) && std::fabs(want - got) < kEpsilon * std::max(sum, 1e-300);
}

bool SameValue(const TestSample& want, const TestSample& got) {
  if (want.histogram != nullptr || got.histogram != nullptr) {
    return want.histogram != nullptr && got.histogram != nullptr &&
           SameTestHistogram(*want.histogram, *got.histogram, want.hint_matters);
  }
  return SameFloat(want.value, got.value);
}

std::string Show(const std::vector<TestSample>& samples) {
  std::string out;
  for (const TestSample& sample : samples) {
    base::Append(out, out.empty() ? "" : " ",
                 sample.histogram != nullptr ? ShowTestHistogram(*sample.histogram)
                 : IsPresent(sample.value)   ? FormatGeneral(sample.value)
                                             : "_");
  }
  return out;
}

base::StatusOr<int64_t> ParseTimeMs(std::string_view text) {
  const bool negative = text.starts_with('-');
  text.remove_prefix(negative ? 1 : 0);
  if (const std::optional<double> seconds = base::ParseDouble(text)) {
    return static_cast<int64_t>(*seconds * 1000) * (negative ? -1 : 1);
  }
  TH_ASSIGN_OR_RETURN(const int64_t value, model::ParseDurationMs(text));
  return negative ? -value : value;
}

// Splits `metric{...} values` after the labels.
base::StatusOr<labels::Labels> TakeMetric(std::string_view& line) {
  size_t end = 0;
  bool braces = false;
  char quote = 0;
  for (; end < line.size(); ++end) {
    const char c = line[end];
    if (quote != 0) {
      end += c == '\\' ? 1 : 0;
      quote = c == quote ? 0 : quote;
    } else if (c == '"' || c == '\'' || c == '`') {
      quote = c;
    } else if (c == '{') {
      braces = true;
    } else if (c == '}') {
      ++end;
      break;
    } else if (!braces && (c == ' ' || c == '\t')) {
      break;
    }
  }
  const std::string_view metric = line.substr(0, end);
  line.remove_prefix(std::min(end, line.size()));
  TH_ASSIGN_OR_RETURN(const std::vector<labels::Matcher> matchers,
                      promql_parser::ParseMetricSelector(metric));
  labels::LabelBuilder builder;
  for (const labels::Matcher& matcher : matchers) {
    builder.Set(matcher.name(), matcher.value());
  }
  return builder.Build();
}

// A value, gap or expansion: 5, _, _x3, stale, 0+10x5, 1-2x3, 7x4.
base::Status AppendToken(std::string_view token, std::vector<double>& out) {
  const size_t times = token.find('x');
  int64_t repeat = 0;
  std::string_view body = token;
  // "0x1F" does not occur; an x is always the repetition.
  if (times != std::string_view::npos) {
    const std::optional<int64_t> parsed = base::ParseInt64(token.substr(times + 1));
    if (!parsed || *parsed < 0 || *parsed > 1'000'000) {
      return base::InvalidArgument("bad repetition in ", token);
    }
    repeat = *parsed;
    body = token.substr(0, times);
  }
  if (body == "_" || body == "stale") {
    // "_x3" is three gaps, "5x3" four values.
    const size_t count = times == std::string_view::npos ? 1 : static_cast<size_t>(repeat);
    out.insert(out.end(), count, body == "_" ? kAbsent : std::bit_cast<double>(kStaleTokenBits));
    return base::OkStatus();
  }
  size_t sign = std::string_view::npos;
  for (size_t i = 1; times != std::string_view::npos && i < body.size(); ++i) {
    if ((body[i] == '+' || body[i] == '-') && body[i - 1] != 'e' && body[i - 1] != 'E') {
      sign = i;
      break;
    }
  }
  const std::optional<double> start = base::ParseDouble(body.substr(0, sign));
  const std::optional<double> step =
      sign == std::string_view::npos ? std::optional<double>(0) : base::ParseDouble(body.substr(sign + 1));
  if (!start || !step) {
    return base::InvalidArgument("bad value ", token);
  }
  double value = *start;
  for (int64_t i = 0; i <= repeat; ++i) {
    out.push_back(value);
    value += sign != std::string_view::npos && body[sign] == '-' ? -*step : *step;
  }
  return base::OkStatus();
}

std::string_view WithoutComment(std::string_view line) {
  const std::string_view trimmed = base::Trim(line);
  return trimmed.starts_with('#') ? std::string_view() : trimmed;
}

// One eval command with everything expected of it.
struct Evaluation {
  int line = 0;
  bool range = false;
  int64_t start_ms = 0;
  int64_t end_ms = 0;
  int64_t step_ms = 0;
  std::string query;
  bool fail = false;
  bool ordered = false;
  std::optional<bool> warn;  // unset: not looked at
  std::optional<bool> info;
  std::string message;       // of fail: exact text
  std::string warn_message;  // of warn and info: beginning of the text
  std::string info_message;
  std::string pattern;  // of fail: regular expression
  std::optional<double> scalar;
  std::optional<std::string> text;
  std::vector<std::pair<labels::Labels, std::vector<TestSample>>> series;
};

class Runner {
 public:
  Runner(std::string_view script, const Engine& engine)
      : lines_(base::Split(script, '\n')), engine_(engine) {}

  ScriptReport Run() {
    while (next_ < lines_.size()) {
      const size_t at = next_;
      const std::string_view line = WithoutComment(lines_[next_++]);
      base::Status status;
      if (line.empty()) {
        continue;
      }
      if (line == "clear") {
        source_.Clear();
      } else if (line.starts_with("load")) {
        status = Load(line);
      } else if (line.starts_with("eval")) {
        status = Eval(line);
      } else {
        status = base::InvalidArgument("unknown command ", line);
      }
      if (!status.ok()) {
        report_.failures.push_back(base::Concat("line ", at + 1, ": ", base::Message(status)));
      }
    }
    return std::move(report_);
  }

 private:
  // Lines of the current command's body: indented, up to an empty line or the next command.
  std::optional<std::string_view> BodyLine() {
    while (next_ < lines_.size()) {
      const std::string_view raw = lines_[next_];
      const std::string_view line = base::Trim(raw);
      if (line.empty() || (raw[0] != ' ' && raw[0] != '\t' && !line.starts_with('#'))) {
        return std::nullopt;
      }
      ++next_;
      if (!line.starts_with('#')) {
        return line;
      }
    }
    return std::nullopt;
  }

  base::Status Load(std::string_view header) {
    const size_t space = header.find(' ');
    const bool add_native = header.starts_with("load_with_nhcb");
    ClassicHistograms classic;
    TH_ASSIGN_OR_RETURN(const int64_t step_ms, ParseTimeMs(base::Trim(header.substr(space + 1))));
    while (auto line = BodyLine()) {
      TH_ASSIGN_OR_RETURN(const labels::Labels labels, TakeMetric(*line));
      TH_ASSIGN_OR_RETURN(const std::vector<TestSample> values, ParseValues(*line));
      AddSeries(labels, values, step_ms);
      if (add_native) {
        classic.Add(labels, values);
      }
    }
    for (const auto& [labels, values] : classic.ToNative()) {
      AddSeries(labels, values, step_ms);
    }
    return base::OkStatus();
  }

  void AddSeries(const labels::Labels& labels, const std::vector<TestSample>& values, int64_t step_ms) {
    chunkenc::SampleColumns columns;
    for (size_t i = 0; i < values.size(); ++i) {
      if (!IsPresent(values[i].value) && values[i].histogram == nullptr) {
        continue;
      }
      if (values[i].histogram != nullptr) {
        columns.histograms.push_back({columns.size(), *values[i].histogram});
      }
      columns.timestamps.push_back(static_cast<int64_t>(i) * step_ms);
      const bool stale = std::bit_cast<uint64_t>(values[i].value) == kStaleTokenBits;
      columns.values.push_back(stale ? chunkenc::StaleNan() : values[i].value);
    }
    source_.Add(labels, columns);
  }

  base::Status ParseHeader(std::string_view header, Evaluation& out) {
    static const RE2 instant(R"(eval(_fail|_warn|_ordered|_info)?\s+instant\s+(?:at\s+(\S+))?\s+(.+))");
    static const RE2 range(
        R"(eval(_fail|_warn|_info)?\s+range\s+from\s+(\S+)\s+to\s+(\S+)\s+step\s+(\S+)\s+(.+))");
    std::string kind;
    std::string times[3];
    const re2::StringPiece text(header.data(), header.size());
    if (RE2::FullMatch(text, instant, &kind, &times[0], &out.query)) {
      times[1] = times[0];
    } else if (RE2::FullMatch(text, range, &kind, &times[0], &times[1], &times[2], &out.query)) {
      out.range = true;
      TH_ASSIGN_OR_RETURN(out.step_ms, ParseTimeMs(times[2]));
    } else {
      return base::InvalidArgument("bad eval line ", header);
    }
    TH_ASSIGN_OR_RETURN(out.start_ms, ParseTimeMs(times[0]));
    TH_ASSIGN_OR_RETURN(out.end_ms, ParseTimeMs(times[1]));
    out.fail = kind == "_fail";
    out.ordered = kind == "_ordered";
    if (kind == "_warn") {
      out.warn = true;
    }
    if (kind == "_info") {
      out.info = true;
    }
    return base::OkStatus();
  }

  base::Status ParseExpectation(std::string_view line, Evaluation& out) {
    static const RE2 expect(R"(expect\s+(\w+)(?:\s+(msg|regex)\s*:\s*(.*)|\s+(.*))?)");
    std::string kind;
    std::string match;
    std::string text;
    std::string rest;
    if (!RE2::FullMatch(re2::StringPiece(line.data(), line.size()), expect, &kind, &match, &text, &rest)) {
      return base::InvalidArgument("bad expectation ", line);
    }
    if (kind == "fail") {
      out.fail = true;
      (match == "regex" ? out.pattern : out.message) = text;
    } else if (kind == "ordered") {
      out.ordered = true;
    } else if (kind == "warn" || kind == "no_warn") {
      out.warn = kind == "warn";
      out.warn_message = match == "msg" ? text : std::string();
    } else if (kind == "info" || kind == "no_info") {
      out.info = kind == "info";
      out.info_message = match == "msg" ? text : std::string();
    } else if (kind == "string") {
      const std::string_view quoted = base::Trim(rest);
      out.text = quoted.size() >= 2 ? quoted.substr(1, quoted.size() - 2) : quoted;
    } else {
      return base::InvalidArgument("unknown expectation ", kind);
    }
    return base::OkStatus();
  }

  base::Status ParseBody(Evaluation& out) {
    while (auto line = BodyLine()) {
      if (line->starts_with("expected_fail_message")) {
        out.message = base::Trim(line->substr(21));
      } else if (line->starts_with("expected_fail_regexp")) {
        out.pattern = base::Trim(line->substr(20));
      } else if (line->starts_with("expect ")) {
        TH_RETURN_IF_ERROR(ParseExpectation(*line, out));
      } else if (const std::optional<double> number = base::ParseDouble(*line)) {
        out.scalar = number;
      } else {
        TH_ASSIGN_OR_RETURN(labels::Labels labels, TakeMetric(*line));
        TH_ASSIGN_OR_RETURN(std::vector<TestSample> values, ParseValues(*line));
        out.series.emplace_back(std::move(labels), std::move(values));
      }
    }
    return base::OkStatus();
  }

  base::Status Eval(std::string_view header) {
    Evaluation evaluation;
    TH_RETURN_IF_ERROR(ParseHeader(header, evaluation));
    TH_RETURN_IF_ERROR(ParseBody(evaluation));
    const base::Status status = Check(evaluation);
    ++report_.evaluations;
    return base::Annotate(status, evaluation.query);
  }

  base::StatusOr<Result> Query(const Evaluation& evaluation, int64_t start_ms, int64_t end_ms,
                               int64_t step_ms, bool instant) {
    return engine_.Query(base::CancelToken(), evaluation.query,
                         {.start_ms = start_ms, .end_ms = end_ms, .step_ms = step_ms, .instant = instant},
                         source_);
  }

  base::Status Check(const Evaluation& evaluation) {
    const base::StatusOr<Result> result =
        Query(evaluation, evaluation.start_ms, evaluation.end_ms, evaluation.step_ms, !evaluation.range);
    if (evaluation.fail) {
      return CheckFailure(evaluation, result.status());
    }
    TH_RETURN_IF_ERROR(result.status());
    TH_RETURN_IF_ERROR(CheckAnnotations(evaluation, result->warnings));
    if (evaluation.range) {
      return CheckMatrix(evaluation, std::get<Matrix>(result->value), evaluation.start_ms,
                         evaluation.step_ms);
    }
    TH_RETURN_IF_ERROR(CheckInstant(evaluation, result->value));
    return CheckSameInRange(evaluation, result->value);
  }

  static base::Status CheckFailure(const Evaluation& evaluation, const base::Status& status) {
    if (status.ok()) {
      return base::Internal("did not fail");
    }
    const std::string_view message = base::Message(status);
    if (!evaluation.message.empty() && message != evaluation.message) {
      return base::Internal("failed with \"", message, "\", want \"", evaluation.message, "\"");
    }
    if (!evaluation.pattern.empty() && !RE2::PartialMatch(std::string(message), evaluation.pattern)) {
      return base::Internal("failed with \"", message, "\", want a match of ", evaluation.pattern);
    }
    return base::OkStatus();
  }

  static base::Status CheckAnnotations(const Evaluation& evaluation, const std::vector<std::string>& texts) {
    const auto any = [&](std::string_view prefix, std::string_view message) {
      return std::ranges::any_of(texts, [&](const std::string& text) {
        return text.starts_with(prefix) && text.starts_with(message);
      });
    };
    if (evaluation.warn && any("PromQL warning: ", evaluation.warn_message) != *evaluation.warn) {
      return base::Internal(*evaluation.warn ? "no such warning" : "unexpected warning");
    }
    if (evaluation.info && any("PromQL info: ", evaluation.info_message) != *evaluation.info) {
      return base::Internal(*evaluation.info ? "no such info" : "unexpected info");
    }
    return base::OkStatus();
  }

  static base::Status CheckInstant(const Evaluation& evaluation, const Value& value) {
    if (evaluation.text) {
      const auto* text = std::get_if<String>(&value);
      return text != nullptr && text->value == *evaluation.text ? base::OkStatus()
                                                                : base::Internal("not that string");
    }
    if (const auto* scalar = std::get_if<Scalar>(&value)) {
      if (evaluation.scalar && SameFloat(*evaluation.scalar, scalar->value)) {
        return base::OkStatus();
      }
      return base::Internal("got scalar ", FormatGeneral(scalar->value));
    }
    if (const auto* matrix = std::get_if<Matrix>(&value)) {
      // A range vector: its samples in order, without their times.
      std::map<labels::Labels, std::vector<TestSample>> got;
      for (const MatrixSeries& series : matrix->series) {
        std::vector<TestSample>& samples = got[series.labels];
        size_t next = 0;
        for (size_t i = 0; i < series.values.size(); ++i) {
          for (;
               next < series.histograms.size() && series.histograms[next].timestamp_ms < series.timestamps[i];
               ++next) {
            samples.push_back({0, series.histograms[next].histogram});
          }
          samples.push_back({series.values[i]});
        }
        for (; next < series.histograms.size(); ++next) {
          samples.push_back({0, series.histograms[next].histogram});
        }
      }
      return Compare(evaluation, got);
    }
    const auto* vector = std::get_if<Vector>(&value);
    if (vector == nullptr) {
      return base::Internal("unexpected type of result");
    }
    std::map<labels::Labels, std::vector<TestSample>> got;
    for (const VectorSample& sample : vector->samples) {
      if (!got.emplace(sample.labels, std::vector<TestSample>{{sample.value, sample.histogram}}).second) {
        return base::Internal("duplicate labels ", labels::ToString(sample.labels));
      }
    }
    TH_RETURN_IF_ERROR(Compare(evaluation, got));
    for (size_t i = 0; evaluation.ordered && i < vector->samples.size(); ++i) {
      if (!(vector->samples[i].labels == evaluation.series[i].first)) {
        return base::Internal("element ", i, " is ", labels::ToString(vector->samples[i].labels));
      }
    }
    return base::OkStatus();
  }

  static base::Status Compare(const Evaluation& evaluation,
                              const std::map<labels::Labels, std::vector<TestSample>>& got) {
    for (const auto& [labels, want] : evaluation.series) {
      const auto it = got.find(labels);
      if (it == got.end()) {
        return base::Internal("missing ", labels::ToString(labels));
      }
      bool same = it->second.size() == want.size();
      for (size_t i = 0; same && i < want.size(); ++i) {
        same = SameValue(want[i], it->second[i]);
      }
      if (!same) {
        return base::Internal("want ", labels::ToString(labels), " ", Show(want), ", got ", Show(it->second));
      }
    }
    for (const auto& [labels, values] : got) {
      const bool wanted = std::ranges::find(
                              evaluation.series, labels, [](const auto& s) -> const auto& {
                                return s.first;
                              }) != evaluation.series.end();
      if (!wanted) {
        return base::Internal("unexpected ", labels::ToString(labels), " ", Show(values));
      }
    }
    return base::OkStatus();
  }

  static base::Status CheckMatrix(const Evaluation& evaluation, const Matrix& matrix, int64_t start_ms,
                                  int64_t step_ms) {
    const auto num_steps = static_cast<size_t>((evaluation.end_ms - start_ms) / step_ms) + 1;
    std::map<labels::Labels, std::vector<TestSample>> got;
    for (const MatrixSeries& series : matrix.series) {
      std::vector<TestSample> column(num_steps, {kAbsent});
      for (size_t i = 0; i < series.values.size(); ++i) {
        column[static_cast<size_t>((series.timestamps[i] - start_ms) / step_ms)] = {series.values[i]};
      }
      for (const HistogramPoint& point : series.histograms) {
        column[static_cast<size_t>((point.timestamp_ms - start_ms) / step_ms)] = {0, point.histogram};
      }
      got[series.labels] = column;
    }
    Evaluation padded = evaluation;
    for (auto& [labels, values] : padded.series) {
      values.resize(std::max(values.size(), num_steps), {kAbsent});
    }
    return Compare(padded, got);
  }

  // An instant query and the same time inside a range query must agree.
  base::Status CheckSameInRange(const Evaluation& evaluation, const Value& value) {
    const auto* vector = std::get_if<Vector>(&value);
    if (vector == nullptr || RE2::PartialMatch(evaluation.query, "(?i)(start|end|step|range)\\(\\)")) {
      return base::OkStatus();
    }
    const int64_t at_ms = evaluation.start_ms;
    const base::StatusOr<Result> range = Query(evaluation, at_ms - 60'000, at_ms + 60'000, 60'000, false);
    if (!range.ok()) {
      return base::Annotate(range.status(), "as range query");
    }
    std::map<labels::Labels, TestSample> got;
    for (const MatrixSeries& series : std::get<Matrix>(range->value).series) {
      for (const HistogramPoint& point : series.histograms) {
        if (point.timestamp_ms == at_ms) {
          got[series.labels] = {0, point.histogram};
        }
      }
      const auto it = std::ranges::find(series.timestamps, at_ms);
      if (it != series.timestamps.end()) {
        got[series.labels] = {series.values[static_cast<size_t>(it - series.timestamps.begin())]};
      }
    }
    bool same = got.size() == vector->samples.size();
    for (const VectorSample& sample : vector->samples) {
      const auto it = got.find(sample.labels);
      same = same && it != got.end() && SameValue({sample.value, sample.histogram}, it->second);
    }
    return same ? base::OkStatus() : base::Internal("range query differs from instant query");
  }

  std::vector<std::string_view> lines_;
  const Engine& engine_;
  size_t next_ = 0;
  TestSource source_;
  ScriptReport report_;
};

}  // namespace

base::StatusOr<std::vector<TestSample>> ParseValues(std::string_view text) {
  std::vector<TestSample> out;
  std::vector<double> floats;
  for (text = base::Trim(text); !text.empty(); text = base::Trim(text)) {
    if (text.starts_with("{{")) {
      TH_ASSIGN_OR_RETURN(std::vector<TestHistogram> histograms, TakeTestHistograms(text));
      for (TestHistogram& histogram : histograms) {
        out.push_back(
            {0, std::make_shared<const model::Histogram>(std::move(histogram.value)), histogram.hint_given});
      }
      continue;
    }
    const size_t end = std::min(text.find_first_of(" \t"), text.size());
    floats.clear();
    TH_RETURN_IF_ERROR(AppendToken(text.substr(0, end), floats));
    text.remove_prefix(end);
    for (const double value : floats) {
      out.push_back({value});
    }
  }
  return out;
}

ScriptReport RunScript(std::string_view script, const Engine& engine) {
  return Runner(script, engine).Run();
}

}  // namespace thanos::promql
