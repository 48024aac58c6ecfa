#include "query/encode_result.h"

#include <algorithm>
#include <utility>
#include <variant>

#include "base/strings.h"
#include "promapi/encode.h"

namespace thanos::query {
namespace {

// Bytes of one point, roughly, to size the answer once.
constexpr size_t kPointBytes = 32;
constexpr size_t kSeriesBytes = 256;

template <typename T>
bool Truncate(std::vector<T>& elements, int64_t limit) {
  if (limit <= 0 || elements.size() <= static_cast<size_t>(limit)) {
    return false;
  }
  elements.resize(static_cast<size_t>(limit));
  return true;
}

bool Truncate(promql::Value& value, int64_t limit) {
  if (auto* vector = std::get_if<promql::Vector>(&value)) {
    return Truncate(vector->samples, limit);
  }
  if (auto* matrix = std::get_if<promql::Matrix>(&value)) {
    return Truncate(matrix->series, limit);
  }
  return false;
}

struct Encoder {
  std::string& out;

  void operator()(const promql::Scalar& scalar) const {
    out += "\"scalar\",\"result\":";
    promapi::AppendPoint(out, scalar.timestamp_ms, scalar.value);
  }

  void operator()(const promql::String& text) const {
    out += "\"string\",\"result\":[";
    promapi::AppendTimestamp(out, text.timestamp_ms);
    out += ',';
    promapi::AppendJsonString(out, text.value);
    out += ']';
  }

  // What is written is given back at once: large answers exist twice otherwise.
  void operator()(promql::Vector& vector) const {
    out += "\"vector\",\"result\":[";
    out.reserve(out.size() + vector.samples.size() * kSeriesBytes);
    for (size_t i = 0; i < vector.samples.size(); ++i) {
      const promql::VectorSample sample = std::move(vector.samples[i]);
      out += i == 0 ? "{\"metric\":" : ",{\"metric\":";
      promapi::AppendLabels(out, sample.labels);
      if (sample.histogram != nullptr) {
        out += ",\"histogram\":";
        promapi::AppendHistogramPoint(out, sample.timestamp_ms, *sample.histogram);
      } else {
        out += ",\"value\":";
        promapi::AppendPoint(out, sample.timestamp_ms, sample.value);
      }
      out += '}';
    }
    out += ']';
  }

  void operator()(promql::Matrix& matrix) const {
    out += "\"matrix\",\"result\":[";
    size_t bytes = out.size();
    for (const promql::MatrixSeries& series : matrix.series) {
      bytes += kSeriesBytes + series.timestamps.size() * kPointBytes;
    }
    out.reserve(bytes);
    for (size_t i = 0; i < matrix.series.size(); ++i) {
      out += i == 0 ? "{\"metric\":" : ",{\"metric\":";
      AppendSeries(std::exchange(matrix.series[i], {}));
      out += '}';
    }
    out += ']';
  }

  void AppendSeries(const promql::MatrixSeries& series) const {
    promapi::AppendLabels(out, series.labels);
    for (size_t i = 0; i < series.timestamps.size(); ++i) {
      out += i == 0 ? ",\"values\":[" : ",";
      promapi::AppendPoint(out, series.timestamps[i], series.values[i]);
    }
    out += series.timestamps.empty() ? "" : "]";
    for (size_t i = 0; i < series.histograms.size(); ++i) {
      out += i == 0 ? ",\"histograms\":[" : ",";
      promapi::AppendHistogramPoint(out, series.histograms[i].timestamp_ms, *series.histograms[i].histogram);
    }
    out += series.histograms.empty() ? "" : "]";
  }
};

// The steps of a query, for what is counted per step.
struct Steps {
  int64_t start_ms = 0;
  int64_t step_ms = 0;
};

void AppendSamplesPerStep(std::string& out, const std::vector<int64_t>& samples, const Steps& steps) {
  out += ",\"totalQueryableSamplesPerStep\":[";
  for (size_t i = 0; i < samples.size(); ++i) {
    out += i == 0 ? "[" : ",[";
    promapi::AppendTimestamp(out, steps.start_ms + static_cast<int64_t>(i) * steps.step_ms);
    base::Append(out, ",", samples[i], "]");
  }
  out += ']';
}

void AppendStats(std::string& out, const promql::QueryStats& stats, const QueryTimings& timings) {
  const auto field = [&out](std::string_view name, double value) {
    base::Append(out, "\"", name, "\":");
    promapi::AppendValueText(out, value);
  };
  out += ",\"stats\":{\"timings\":{";
  field("evalTotalTime", timings.preparation_seconds + timings.evaluation_seconds);
  out += ',';
  field("resultSortTime", 0);
  out += ',';
  field("queryPreparationTime", timings.preparation_seconds);
  out += ',';
  field("innerEvalTime", timings.evaluation_seconds);
  out += ',';
  field("execQueueTime", timings.queue_seconds);
  out += ',';
  field("execTotalTime", timings.queue_seconds + timings.preparation_seconds + timings.evaluation_seconds);
  base::Append(out, "},\"samples\":{\"totalQueryableSamples\":", stats.total_queryable_samples,
               ",\"peakSamples\":", stats.peak_samples);
  if (!stats.samples_per_step.empty()) {
    AppendSamplesPerStep(out, stats.samples_per_step, {stats.first_step_ms, stats.step_ms});
  }
  out += "}}";
}

}  // namespace

std::string EncodeResult(promql::Result& result, const ResultOptions& options) {
  if (Truncate(result.value, options.limit)) {
    result.warnings.emplace_back(kTruncatedWarning);
  }
  std::string out;
  promapi::BeginSuccess(out);
  out += "{\"resultType\":";
  std::visit(Encoder{out}, result.value);
  if (options.timings != nullptr) {
    AppendStats(out, result.stats, *options.timings);
  }
  base::Append(out, ",\"analysis\":", options.analysis, "}");
  if (!result.infos.empty()) {
    out += ",\"infos\":";
    promapi::AppendJsonStrings(out, result.infos);
  }
  promapi::EndSuccess(out, result.warnings);
  return out;
}

}  // namespace thanos::query
