#include "promstore/prometheus_apis.h"

#include <algorithm>
#include <map>
#include <utility>

namespace thanos::promstore {
namespace {

// Keeps the list sorted by name.
void AddExternal(const labels::Labels& external, ::thanos::ZLabelSet* label_set) {
  std::map<std::string, std::string> merged;
  for (::thanos::Label& label : *label_set->mutable_labels()) {
    merged[label.name()] = std::move(*label.mutable_value());
  }
  for (const labels::LabelView& label : external) {
    merged[std::string(label.name)] = label.value;
  }
  label_set->clear_labels();
  for (auto& [name, value] : merged) {
    ::thanos::Label* const label = label_set->add_labels();
    label->set_name(name);
    label->set_value(std::move(value));
  }
}

std::string_view TypeParameter(::thanos::RulesRequest::Type type) {
  switch (type) {
    case ::thanos::RulesRequest::ALERT:
      return "alert";
    case ::thanos::RulesRequest::RECORD:
      return "record";
    default:
      return "";
  }
}

std::string_view StateParameter(::thanos::TargetsRequest::State state) {
  switch (state) {
    case ::thanos::TargetsRequest::ACTIVE:
      return "active";
    case ::thanos::TargetsRequest::DROPPED:
      return "dropped";
    default:
      return "any";
  }
}

}  // namespace

PrometheusApis::PrometheusApis(promapi::PrometheusClient& client, const Heartbeat& heartbeat)
    : client_(client), heartbeat_(heartbeat) {}

base::StatusOr<labels::Labels> PrometheusApis::ExternalLabels() const {
  const std::shared_ptr<const PrometheusState> state = heartbeat_.state();
  if (state == nullptr) {
    return base::Unavailable("the external labels of Prometheus are not known yet");
  }
  return state->external_labels;
}

base::StatusOr<storeapi::RulesAnswer> PrometheusApis::Rules(const base::CancelToken& cancel,
                                                            const ::thanos::RulesRequest& request) {
  TH_ASSIGN_OR_RETURN(const labels::Labels external, ExternalLabels());
  storeapi::RulesAnswer answer;
  TH_ASSIGN_OR_RETURN(answer.groups, client_.Rules(cancel, TypeParameter(request.type())));
  for (::thanos::RuleGroup& group : answer.groups) {
    for (::thanos::Rule& rule : *group.mutable_rules()) {
      AddExternal(external, rule.has_alert() ? rule.mutable_alert()->mutable_labels()
                                             : rule.mutable_recording()->mutable_labels());
    }
  }
  return answer;
}

base::StatusOr<storeapi::TargetsAnswer> PrometheusApis::Targets(const base::CancelToken& cancel,
                                                                const ::thanos::TargetsRequest& request) {
  TH_ASSIGN_OR_RETURN(const labels::Labels external, ExternalLabels());
  storeapi::TargetsAnswer answer;
  TH_ASSIGN_OR_RETURN(answer.targets, client_.Targets(cancel, StateParameter(request.state())));
  for (::thanos::ActiveTarget& target : *answer.targets.mutable_activetargets()) {
    AddExternal(external, target.mutable_discoveredlabels());
    AddExternal(external, target.mutable_labels());
  }
  for (::thanos::DroppedTarget& target : *answer.targets.mutable_droppedtargets()) {
    AddExternal(external, target.mutable_discoveredlabels());
  }
  return answer;
}

base::StatusOr<storeapi::MetadataAnswer> PrometheusApis::Metadata(
    const base::CancelToken& cancel, const ::thanos::MetricMetadataRequest& request) {
  storeapi::MetadataAnswer answer;
  TH_ASSIGN_OR_RETURN(answer.metadata, client_.Metadata(cancel, request.metric(), request.limit()));
  return answer;
}

base::StatusOr<storeapi::ExemplarsAnswer> PrometheusApis::Exemplars(
    const base::CancelToken& cancel, const ::thanos::ExemplarsRequest& request) {
  TH_ASSIGN_OR_RETURN(const labels::Labels external, ExternalLabels());
  storeapi::ExemplarsAnswer answer;
  TH_ASSIGN_OR_RETURN(answer.data,
                      client_.Exemplars(cancel, request.query(), request.start(), request.end()));
  for (::thanos::ExemplarData& series : answer.data) {
    AddExternal(external, series.mutable_serieslabels());
  }
  return answer;
}

}  // namespace thanos::promstore
