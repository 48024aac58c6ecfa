#include "promapi/endpoint_json.h"

#include <algorithm>
#include <cmath>
#include <google/protobuf/util/time_util.h>
#include <optional>
#include <utility>

#include "base/strings.h"
#include "promapi/json_answer.h"

namespace thanos::promapi {
namespace {

using internal::Answer;
using internal::FindMember;
using internal::ParseAnswer;
using internal::ViewOf;

// Reads members of objects and remembers the first that is not what it should be. A missing or null member
// leaves the default.
class MemberReader {
 public:
  explicit MemberReader(std::string_view path) : path_(path) {}

  std::string String(const rapidjson::Value& object, const char* name) {
    const rapidjson::Value* value = Find(object, name);
    if (value == nullptr) {
      return "";
    }
    if (!value->IsString()) {
      Fail(name, "a string");
      return "";
    }
    return std::string(ViewOf(*value));
  }

  double Number(const rapidjson::Value& object, const char* name) {
    const rapidjson::Value* value = Find(object, name);
    if (value == nullptr) {
      return 0;
    }
    if (!value->IsNumber()) {
      Fail(name, "a number");
      return 0;
    }
    return value->GetDouble();
  }

  // RFC 3339.
  void Time(const rapidjson::Value& object, const char* name, google::protobuf::Timestamp* time) {
    const std::string text = String(object, name);
    if (!text.empty() && !google::protobuf::util::TimeUtil::FromString(text, time)) {
      Fail(name, "a time");
    }
  }

  void Labels(const rapidjson::Value& object, const char* name, ::thanos::ZLabelSet* label_set) {
    const rapidjson::Value* value = Find(object, name);
    if (value == nullptr) {
      return;
    }
    if (!value->IsObject()) {
      Fail(name, "an object");
      return;
    }
    for (const auto& member : value->GetObject()) {
      if (!member.value.IsString()) {
        Fail(name, "an object of strings");
        return;
      }
      ::thanos::Label* const label = label_set->add_labels();
      label->set_name(std::string(ViewOf(member.name)));
      label->set_value(std::string(ViewOf(member.value)));
    }
    auto* const list = label_set->mutable_labels();
    std::sort(list->begin(), list->end(),
              [](const ::thanos::Label& a, const ::thanos::Label& b) { return a.name() < b.name(); });
  }

  // Calls `visit` with every element, all of which must be objects.
  template <typename Visit>
  void Objects(const rapidjson::Value& object, const char* name, Visit visit) {
    const rapidjson::Value* value = Find(object, name);
    if (value != nullptr) {
      Elements(*value, name, visit);
    }
  }
  template <typename Visit>
  void Elements(const rapidjson::Value& array, std::string_view name, Visit visit) {
    if (!array.IsArray()) {
      Fail(name, "an array");
      return;
    }
    for (const rapidjson::Value& element : array.GetArray()) {
      if (!element.IsObject()) {
        Fail(name, "an array of objects");
        return;
      }
      visit(element);
    }
  }

  void Fail(std::string_view name, std::string_view want) {
    if (status_.ok()) {
      status_ = base::DataLoss("answer of ", path_, ": ", base::Quote(name), " is not ", want);
    }
  }
  const base::Status& status() const { return status_; }

 private:
  static const rapidjson::Value* Find(const rapidjson::Value& object, const char* name) {
    const rapidjson::Value* value = FindMember(object, name);
    return value == nullptr || value->IsNull() ? nullptr : value;
  }

  const std::string_view path_;
  base::Status status_;
};

// ASCII, for the names of enumerators.
std::string Upper(std::string text) {
  std::ranges::transform(text, text.begin(),
                         [](char c) { return c >= 'a' && c <= 'z' ? static_cast<char>(c - 0x20) : c; });
  return text;
}

::thanos::AlertState ReadAlertState(MemberReader& reader, const rapidjson::Value& object) {
  const std::string text = reader.String(object, "state");
  ::thanos::AlertState state = ::thanos::UNKNOWN;
  if (!text.empty() && !::thanos::AlertState_Parse(Upper(text), &state)) {
    reader.Fail("state", "an alert state");
  }
  return state;
}

void ReadAlert(MemberReader& reader, const rapidjson::Value& json, ::thanos::Alert* alert) {
  alert->set_state(ReadAlertState(reader, json));
  alert->set_name(reader.String(json, "name"));
  alert->set_query(reader.String(json, "query"));
  alert->set_duration_seconds(reader.Number(json, "duration"));
  alert->set_keep_firing_for_seconds(reader.Number(json, "keepFiringFor"));
  reader.Labels(json, "labels", alert->mutable_labels());
  reader.Labels(json, "annotations", alert->mutable_annotations());
  alert->set_health(reader.String(json, "health"));
  alert->set_last_error(reader.String(json, "lastError"));
  alert->set_evaluation_duration_seconds(reader.Number(json, "evaluationTime"));
  reader.Time(json, "lastEvaluation", alert->mutable_last_evaluation());
  reader.Objects(json, "alerts", [&](const rapidjson::Value& element) {
    ::thanos::AlertInstance* const instance = alert->add_alerts();
    reader.Labels(element, "labels", instance->mutable_labels());
    reader.Labels(element, "annotations", instance->mutable_annotations());
    instance->set_state(ReadAlertState(reader, element));
    if (FindMember(element, "activeAt") != nullptr) {
      reader.Time(element, "activeAt", instance->mutable_active_at());
    }
    instance->set_value(reader.String(element, "value"));
  });
}

void ReadRecordingRule(MemberReader& reader, const rapidjson::Value& json, ::thanos::RecordingRule* rule) {
  rule->set_name(reader.String(json, "name"));
  rule->set_query(reader.String(json, "query"));
  reader.Labels(json, "labels", rule->mutable_labels());
  rule->set_health(reader.String(json, "health"));
  rule->set_last_error(reader.String(json, "lastError"));
  rule->set_evaluation_duration_seconds(reader.Number(json, "evaluationTime"));
  reader.Time(json, "lastEvaluation", rule->mutable_last_evaluation());
}

void ReadGroup(MemberReader& reader, const rapidjson::Value& json, ::thanos::RuleGroup* group) {
  group->set_name(reader.String(json, "name"));
  group->set_file(reader.String(json, "file"));
  group->set_interval(reader.Number(json, "interval"));
  group->set_evaluation_duration_seconds(reader.Number(json, "evaluationTime"));
  reader.Time(json, "lastEvaluation", group->mutable_last_evaluation());
  const double limit = reader.Number(json, "limit");
  group->set_limit(std::fabs(limit) < 9e18 ? static_cast<int64_t>(limit) : 0);
  reader.Objects(json, "rules", [&](const rapidjson::Value& rule) {
    const std::string type = reader.String(rule, "type");
    if (type == "alerting") {
      ReadAlert(reader, rule, group->add_rules()->mutable_alert());
    } else if (type == "recording") {
      ReadRecordingRule(reader, rule, group->add_rules()->mutable_recording());
    } else {
      reader.Fail("type", "a type of rule");
    }
  });
}

void ReadActiveTarget(MemberReader& reader, const rapidjson::Value& json, ::thanos::ActiveTarget* target) {
  reader.Labels(json, "discoveredLabels", target->mutable_discoveredlabels());
  reader.Labels(json, "labels", target->mutable_labels());
  target->set_scrapepool(reader.String(json, "scrapePool"));
  target->set_scrapeurl(reader.String(json, "scrapeUrl"));
  target->set_globalurl(reader.String(json, "globalUrl"));
  target->set_lasterror(reader.String(json, "lastError"));
  reader.Time(json, "lastScrape", target->mutable_lastscrape());
  target->set_lastscrapeduration(reader.Number(json, "lastScrapeDuration"));
  const std::string health = reader.String(json, "health");
  ::thanos::ActiveTarget::TargetHealth value = ::thanos::ActiveTarget::UNKNOWN;
  if (!::thanos::ActiveTarget::TargetHealth_Parse(Upper(health), &value)) {
    reader.Fail("health", "a target health");
  }
  target->set_health(value);
}

void ReadExemplar(MemberReader& reader, const rapidjson::Value& json, ::thanos::Exemplar* exemplar) {
  reader.Labels(json, "labels", exemplar->mutable_labels());
  const std::optional<double> value = base::ParseDouble(reader.String(json, "value"));
  if (!value.has_value()) {
    reader.Fail("value", "a number");
  }
  exemplar->set_value(value.value_or(0));
  const double time_ms = std::round(reader.Number(json, "timestamp") * 1000.0);
  if (!(std::fabs(time_ms) < 9e18)) {
    reader.Fail("timestamp", "a time");
    return;
  }
  exemplar->set_ts(static_cast<int64_t>(time_ms));
}

}  // namespace

base::StatusOr<std::vector<::thanos::RuleGroup>> DecodeRules(std::string body) {
  constexpr std::string_view kPath = "/api/v1/rules";
  Answer answer;
  TH_RETURN_IF_ERROR(ParseAnswer(kPath, std::move(body), &answer));
  MemberReader reader(kPath);
  std::vector<::thanos::RuleGroup> groups;
  reader.Objects(*answer.data, "groups",
                 [&](const rapidjson::Value& group) { ReadGroup(reader, group, &groups.emplace_back()); });
  TH_RETURN_IF_ERROR(reader.status());
  return groups;
}

base::StatusOr<::thanos::TargetDiscovery> DecodeTargets(std::string body) {
  constexpr std::string_view kPath = "/api/v1/targets";
  Answer answer;
  TH_RETURN_IF_ERROR(ParseAnswer(kPath, std::move(body), &answer));
  MemberReader reader(kPath);
  ::thanos::TargetDiscovery targets;
  reader.Objects(*answer.data, "activeTargets", [&](const rapidjson::Value& target) {
    ReadActiveTarget(reader, target, targets.add_activetargets());
  });
  reader.Objects(*answer.data, "droppedTargets", [&](const rapidjson::Value& target) {
    reader.Labels(target, "discoveredLabels", targets.add_droppedtargets()->mutable_discoveredlabels());
  });
  TH_RETURN_IF_ERROR(reader.status());
  return targets;
}

base::StatusOr<::thanos::MetricMetadata> DecodeMetadata(std::string body) {
  constexpr std::string_view kPath = "/api/v1/metadata";
  Answer answer;
  TH_RETURN_IF_ERROR(ParseAnswer(kPath, std::move(body), &answer));
  MemberReader reader(kPath);
  ::thanos::MetricMetadata metadata;
  if (!answer.data->IsObject()) {
    return internal::BadAnswer(kPath, "data is not an object");
  }
  for (const auto& member : answer.data->GetObject()) {
    auto& entry = (*metadata.mutable_metadata())[std::string(ViewOf(member.name))];
    reader.Elements(member.value, ViewOf(member.name), [&](const rapidjson::Value& json) {
      ::thanos::Meta* const meta = entry.add_metas();
      meta->set_type(reader.String(json, "type"));
      meta->set_help(reader.String(json, "help"));
      meta->set_unit(reader.String(json, "unit"));
    });
  }
  TH_RETURN_IF_ERROR(reader.status());
  return metadata;
}

base::StatusOr<std::vector<::thanos::ExemplarData>> DecodeExemplars(std::string body) {
  constexpr std::string_view kPath = "/api/v1/query_exemplars";
  Answer answer;
  TH_RETURN_IF_ERROR(ParseAnswer(kPath, std::move(body), &answer));
  MemberReader reader(kPath);
  std::vector<::thanos::ExemplarData> data;
  if (answer.data->IsNull()) {
    return data;
  }
  reader.Elements(*answer.data, "data", [&](const rapidjson::Value& json) {
    ::thanos::ExemplarData& series = data.emplace_back();
    reader.Labels(json, "seriesLabels", series.mutable_serieslabels());
    reader.Objects(json, "exemplars", [&](const rapidjson::Value& exemplar) {
      ReadExemplar(reader, exemplar, series.add_exemplars());
    });
  });
  TH_RETURN_IF_ERROR(reader.status());
  return data;
}

}  // namespace thanos::promapi
