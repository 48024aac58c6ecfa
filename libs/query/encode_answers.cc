#include "query/encode_answers.h"

#include <chrono>
#include <cmath>
#include <cstdio>
#include <map>

#include "base/strings.h"
#include "promapi/encode.h"

namespace thanos::query {
namespace {

using google::protobuf::Timestamp;

constexpr char kZeroTime[] = "0001-01-01T00:00:00Z";

// One JSON object, written member by member.
class ObjectWriter {
 public:
  explicit ObjectWriter(std::string& out) : out_(out) { out_ += '{'; }
  ~ObjectWriter() { out_ += '}'; }
  ObjectWriter(const ObjectWriter&) = delete;
  ObjectWriter& operator=(const ObjectWriter&) = delete;

  void String(std::string_view name, std::string_view value) {
    Name(name);
    promapi::AppendJsonString(out_, value);
  }
  // An integer, or text that is JSON already.
  template <typename T>
  void Raw(std::string_view name, const T& value) {
    Name(name);
    base::Append(out_, value);
  }
  // Go refuses to encode numbers that JSON does not have; 0 keeps the rest of the answer.
  void Number(std::string_view name, double value) {
    Name(name);
    if (!std::isfinite(value)) {
      out_ += '0';
      return;
    }
    std::string text;
    promapi::AppendValueText(text, value);
    // Go writes 1e-7 in JSON and 1e-07 elsewhere.
    if (const size_t exponent = text.find("e-0"); exponent != std::string::npos) {
      text.erase(exponent + 2, 1);
    }
    out_ += text;
  }
  void Labels(std::string_view name, const ::thanos::ZLabelSet& label_set) {
    Name(name);
    std::map<std::string_view, std::string_view> sorted;
    for (const ::thanos::Label& label : label_set.labels()) {
      sorted[label.name()] = label.value();
    }
    const ObjectWriter object(out_);
    char separator[] = {'\0', '\0'};
    for (const auto& [key, value] : sorted) {
      out_ += separator;
      separator[0] = ',';
      promapi::AppendJsonString(out_, key);
      out_ += ':';
      promapi::AppendJsonString(out_, value);
    }
  }
  void Time(std::string_view name, bool has_time, const Timestamp& time) {
    Name(name);
    base::Append(out_, "\"", has_time ? FormatTime(time) : kZeroTime, "\"");
  }
  template <typename List, typename AppendElement>
  void Array(std::string_view name, const List& list, AppendElement append) {
    Name(name);
    AppendArray(out_, list, append);
  }
  template <typename List, typename AppendElement>
  static void AppendArray(std::string& out, const List& list, AppendElement append) {
    out += '[';
    bool first = true;
    for (const auto& element : list) {
      if (!first) {
        out += ',';
      }
      first = false;
      append(out, element);
    }
    out += ']';
  }

 private:
  void Name(std::string_view name) {
    base::Append(out_, empty_ ? "\"" : ",\"", name, "\":");
    empty_ = false;
  }

  std::string& out_;
  bool empty_ = true;
};

std::string_view StrategyName(::thanos::PartialResponseStrategy strategy) {
  return strategy == ::thanos::ABORT ? "ABORT" : "WARN";
}

std::string_view StateName(::thanos::AlertState state) {
  switch (state) {
    case ::thanos::INACTIVE:
      return "inactive";
    case ::thanos::PENDING:
      return "pending";
    case ::thanos::FIRING:
      return "firing";
    default:
      return "unknown";
  }
}

std::string_view HealthName(::thanos::ActiveTarget::TargetHealth health) {
  switch (health) {
    case ::thanos::ActiveTarget::DOWN:
      return "down";
    case ::thanos::ActiveTarget::UP:
      return "up";
    default:
      return "unknown";
  }
}

void AppendInstance(std::string& out, const ::thanos::AlertInstance& instance) {
  ObjectWriter object(out);
  object.Labels("labels", instance.labels());
  object.Labels("annotations", instance.annotations());
  object.String("state", StateName(instance.state()));
  if (instance.has_active_at()) {
    object.Time("activeAt", true, instance.active_at());
  }
  object.String("value", instance.value());
  object.String("partialResponseStrategy", StrategyName(instance.partialresponsestrategy()));
}

void AppendAlert(std::string& out, const ::thanos::Alert& alert) {
  ObjectWriter object(out);
  object.String("state", StateName(alert.state()));
  object.String("name", alert.name());
  object.String("query", alert.query());
  object.Number("duration", alert.duration_seconds());
  object.Labels("labels", alert.labels());
  object.Labels("annotations", alert.annotations());
  object.Array("alerts", alert.alerts(), AppendInstance);
  object.String("health", alert.health());
  if (!alert.last_error().empty()) {
    object.String("lastError", alert.last_error());
  }
  object.Number("evaluationTime", alert.evaluation_duration_seconds());
  object.Time("lastEvaluation", alert.has_last_evaluation(), alert.last_evaluation());
  object.Number("keepFiringFor", alert.keep_firing_for_seconds());
  object.String("type", "alerting");
}

void AppendRecordingRule(std::string& out, const ::thanos::RecordingRule& rule) {
  ObjectWriter object(out);
  object.String("name", rule.name());
  object.String("query", rule.query());
  object.Labels("labels", rule.labels());
  object.String("health", rule.health());
  if (!rule.last_error().empty()) {
    object.String("lastError", rule.last_error());
  }
  object.Number("evaluationTime", rule.evaluation_duration_seconds());
  object.Time("lastEvaluation", rule.has_last_evaluation(), rule.last_evaluation());
  object.String("type", "recording");
}

void AppendGroup(std::string& out, const ::thanos::RuleGroup& group) {
  ObjectWriter object(out);
  object.String("name", group.name());
  object.String("file", group.file());
  object.Array("rules", group.rules(), [](std::string& text, const ::thanos::Rule& rule) {
    if (rule.has_alert()) {
      AppendAlert(text, rule.alert());
    } else {
      AppendRecordingRule(text, rule.recording());
    }
  });
  object.Number("interval", group.interval());
  object.Number("evaluationTime", group.evaluation_duration_seconds());
  object.Time("lastEvaluation", group.has_last_evaluation(), group.last_evaluation());
  object.Raw("limit", group.limit());
  object.String("partialResponseStrategy", StrategyName(group.partialresponsestrategy()));
}

void AppendActiveTarget(std::string& out, const ::thanos::ActiveTarget& target) {
  ObjectWriter object(out);
  object.Labels("discoveredLabels", target.discoveredlabels());
  object.Labels("labels", target.labels());
  object.String("scrapePool", target.scrapepool());
  object.String("scrapeUrl", target.scrapeurl());
  object.String("globalUrl", target.globalurl());
  object.String("lastError", target.lasterror());
  object.Time("lastScrape", target.has_lastscrape(), target.lastscrape());
  object.Number("lastScrapeDuration", target.lastscrapeduration());
  object.String("health", HealthName(target.health()));
}

void AppendMeta(std::string& out, const ::thanos::Meta& meta) {
  ObjectWriter object(out);
  object.String("type", meta.type());
  object.String("help", meta.help());
  object.String("unit", meta.unit());
}

void AppendExemplar(std::string& out, const ::thanos::Exemplar& exemplar) {
  ObjectWriter object(out);
  object.Labels("labels", exemplar.labels());
  std::string value;
  promapi::AppendValueText(value, exemplar.value());
  object.String("value", value);
  std::string time;
  promapi::AppendTimestamp(time, exemplar.ts());
  object.Raw("timestamp", time);
}

void AppendStatistic(std::string& out, const ::thanos::Statistic& statistic) {
  ObjectWriter object(out);
  object.String("name", statistic.name());
  object.Raw("value", statistic.value());
}

}  // namespace

std::string FormatTime(const Timestamp& time) {
  constexpr int64_t kFirstSecond = -62'135'596'800;
  constexpr int64_t kLastSecond = 253'402'300'799;
  if (time.seconds() < kFirstSecond || time.seconds() > kLastSecond || time.nanos() < 0 ||
      time.nanos() > 999'999'999) {
    return kZeroTime;
  }
  const std::chrono::sys_seconds second{std::chrono::seconds(time.seconds())};
  const auto day = std::chrono::floor<std::chrono::days>(second);
  const std::chrono::year_month_day date(day);
  const std::chrono::hh_mm_ss clock(second - day);
  char buffer[64];
  std::snprintf(buffer, sizeof(buffer), "%04d-%02u-%02uT%02d:%02d:%02d.%09d", static_cast<int>(date.year()),
                static_cast<unsigned>(date.month()), static_cast<unsigned>(date.day()),
                static_cast<int>(clock.hours().count()), static_cast<int>(clock.minutes().count()),
                static_cast<int>(clock.seconds().count()), static_cast<int>(time.nanos()));
  std::string text = buffer;
  text.erase(text.find_last_not_of('0') + 1);
  if (text.back() == '.') {
    text.pop_back();
  }
  return text + "Z";
}

std::string EncodeRules(const std::vector<::thanos::RuleGroup>& groups) {
  std::string out;
  {
    ObjectWriter object(out);
    object.Array("groups", groups, AppendGroup);
  }
  return out;
}

std::string EncodeAlerts(const std::vector<::thanos::RuleGroup>& groups) {
  std::vector<::thanos::AlertInstance> alerts;
  for (const ::thanos::RuleGroup& group : groups) {
    for (const ::thanos::Rule& rule : group.rules()) {
      alerts.insert(alerts.end(), rule.alert().alerts().begin(), rule.alert().alerts().end());
    }
  }
  std::string out;
  {
    ObjectWriter object(out);
    object.Array("alerts", alerts, AppendInstance);
  }
  return out;
}

std::string EncodeTargets(const ::thanos::TargetDiscovery& targets) {
  std::string out;
  {
    ObjectWriter object(out);
    object.Array("activeTargets", targets.activetargets(), AppendActiveTarget);
    object.Array("droppedTargets", targets.droppedtargets(),
                 [](std::string& text, const ::thanos::DroppedTarget& target) {
                   ObjectWriter(text).Labels("discoveredLabels", target.discoveredlabels());
                 });
  }
  return out;
}

std::string EncodeMetadata(const ::thanos::MetricMetadata& metadata, int64_t limit) {
  std::map<std::string_view, const ::thanos::MetricMetadataEntry*> sorted;
  for (const auto& [metric, entry] : metadata.metadata()) {
    sorted[metric] = &entry;
  }
  std::string out = "{";
  for (const auto& [metric, entry] : sorted) {
    if (limit-- == 0) {
      break;
    }
    if (out.size() > 1) {
      out += ',';
    }
    promapi::AppendJsonString(out, metric);
    out += ':';
    ObjectWriter::AppendArray(out, entry->metas(), AppendMeta);
  }
  return out + "}";
}

std::string EncodeExemplars(const std::vector<::thanos::ExemplarData>& data) {
  std::string out;
  ObjectWriter::AppendArray(out, data, [](std::string& text, const ::thanos::ExemplarData& series) {
    ObjectWriter object(text);
    object.Labels("seriesLabels", series.serieslabels());
    object.Array("exemplars", series.exemplars(), AppendExemplar);
  });
  return out;
}

std::string EncodeStatistics(const ::thanos::TSDBStatisticsEntry& statistics) {
  const ::thanos::HeadStatistics& head = statistics.head_statistics();
  std::string out;
  std::string head_json;
  {
    ObjectWriter object(head_json);
    object.Raw("numSeries", head.num_series());
    object.Raw("numLabelPairs", head.num_label_pairs());
    object.Raw("chunkCount", head.chunk_count());
    object.Raw("minTime", head.min_time());
    object.Raw("maxTime", head.max_time());
  }
  {
    ObjectWriter object(out);
    object.Raw("headStats", head_json);
    object.Array("seriesCountByMetricName", statistics.series_count_by_metric_name(), AppendStatistic);
    object.Array("labelValueCountByLabelName", statistics.label_value_count_by_label_name(), AppendStatistic);
    object.Array("memoryInBytesByLabelName", statistics.memory_in_bytes_by_label_name(), AppendStatistic);
    object.Array("seriesCountByLabelValuePair", statistics.series_count_by_label_value_pair(),
                 AppendStatistic);
  }
  return out;
}

}  // namespace thanos::query
