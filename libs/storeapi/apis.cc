#include "storeapi/apis.h"

#include <algorithm>
#include <map>
#include <utility>

namespace thanos::storeapi {
namespace {

template <typename Frame, typename Answer>
bool TakeWarning(Frame& frame, Answer* answer) {
  if (frame.result_case() != Frame::kWarning) {
    return false;
  }
  answer->warnings.push_back(std::move(*frame.mutable_warning()));
  return true;
}

// Warnings come first, as in the other streams.
template <typename Frame>
std::vector<Frame> WarningFrames(std::vector<std::string>& warnings) {
  std::vector<Frame> frames;
  for (std::string& warning : warnings) {
    frames.emplace_back().set_warning(std::move(warning));
  }
  return frames;
}

using Statistics = google::protobuf::RepeatedPtrField<::thanos::Statistic>;

void SumStatistics(const Statistics& from, Statistics* into) {
  std::map<std::string, uint64_t> sums;
  for (const ::thanos::Statistic& one : *into) {
    sums[one.name()] += one.value();
  }
  for (const ::thanos::Statistic& one : from) {
    sums[one.name()] += one.value();
  }
  into->Clear();
  for (const auto& [name, value] : sums) {
    ::thanos::Statistic* const one = into->Add();
    one->set_name(name);
    one->set_value(value);
  }
}

// Wire numbers may be anything, so sums wrap around instead of being undefined.
int64_t WrappingSum(int64_t a, int64_t b) {
  return static_cast<int64_t>(static_cast<uint64_t>(a) + static_cast<uint64_t>(b));
}

void AddHead(const ::thanos::HeadStatistics& from, ::thanos::HeadStatistics* head, bool first) {
  head->set_num_series(head->num_series() + from.num_series());
  head->set_num_label_pairs(WrappingSum(head->num_label_pairs(), from.num_label_pairs()));
  head->set_chunk_count(WrappingSum(head->chunk_count(), from.chunk_count()));
  head->set_min_time(first ? from.min_time() : std::min(head->min_time(), from.min_time()));
  head->set_max_time(first ? from.max_time() : std::max(head->max_time(), from.max_time()));
}

base::Status NotServed(const char* what) {
  return base::Unimplemented("this endpoint does not serve ", what);
}

}  // namespace

base::StatusOr<RulesAnswer> EndpointApis::Rules(const base::CancelToken&, const ::thanos::RulesRequest&) {
  return NotServed("rules");
}
base::StatusOr<TargetsAnswer> EndpointApis::Targets(const base::CancelToken&,
                                                    const ::thanos::TargetsRequest&) {
  return NotServed("targets");
}
base::StatusOr<MetadataAnswer> EndpointApis::Metadata(const base::CancelToken&,
                                                      const ::thanos::MetricMetadataRequest&) {
  return NotServed("metric metadata");
}
base::StatusOr<ExemplarsAnswer> EndpointApis::Exemplars(const base::CancelToken&,
                                                        const ::thanos::ExemplarsRequest&) {
  return NotServed("exemplars");
}
base::StatusOr<StatisticsAnswer> EndpointApis::Statistics(const base::CancelToken&,
                                                          const ::thanos::TSDBStatisticsRequest&) {
  return NotServed("TSDB statistics");
}

void Append(::thanos::RulesResponse frame, RulesAnswer* answer) {
  if (!TakeWarning(frame, answer) && frame.has_group()) {
    answer->groups.push_back(std::move(*frame.mutable_group()));
  }
}

void Append(::thanos::TargetsResponse frame, TargetsAnswer* answer) {
  if (!TakeWarning(frame, answer) && frame.has_targets()) {
    for (::thanos::ActiveTarget& target : *frame.mutable_targets()->mutable_activetargets()) {
      *answer->targets.add_activetargets() = std::move(target);
    }
    for (::thanos::DroppedTarget& target : *frame.mutable_targets()->mutable_droppedtargets()) {
      *answer->targets.add_droppedtargets() = std::move(target);
    }
  }
}

void Append(::thanos::MetricMetadataResponse frame, MetadataAnswer* answer) {
  if (!TakeWarning(frame, answer) && frame.has_metadata()) {
    MergeMetadata(frame.metadata(), &answer->metadata);
  }
}

void Append(::thanos::ExemplarsResponse frame, ExemplarsAnswer* answer) {
  if (!TakeWarning(frame, answer) && frame.has_data()) {
    answer->data.push_back(std::move(*frame.mutable_data()));
  }
}

void Append(::thanos::TSDBStatisticsResponse frame, StatisticsAnswer* answer) {
  if (!TakeWarning(frame, answer) && frame.has_statistics()) {
    MergeStatistics(frame.statistics(), &answer->statistics);
  }
}

std::vector<::thanos::RulesResponse> Split(RulesAnswer answer) {
  auto frames = WarningFrames<::thanos::RulesResponse>(answer.warnings);
  for (::thanos::RuleGroup& group : answer.groups) {
    *frames.emplace_back().mutable_group() = std::move(group);
  }
  return frames;
}

std::vector<::thanos::TargetsResponse> Split(TargetsAnswer answer) {
  auto frames = WarningFrames<::thanos::TargetsResponse>(answer.warnings);
  *frames.emplace_back().mutable_targets() = std::move(answer.targets);
  return frames;
}

std::vector<::thanos::MetricMetadataResponse> Split(MetadataAnswer answer) {
  auto frames = WarningFrames<::thanos::MetricMetadataResponse>(answer.warnings);
  *frames.emplace_back().mutable_metadata() = std::move(answer.metadata);
  return frames;
}

std::vector<::thanos::ExemplarsResponse> Split(ExemplarsAnswer answer) {
  auto frames = WarningFrames<::thanos::ExemplarsResponse>(answer.warnings);
  for (::thanos::ExemplarData& data : answer.data) {
    *frames.emplace_back().mutable_data() = std::move(data);
  }
  return frames;
}

std::vector<::thanos::TSDBStatisticsResponse> Split(StatisticsAnswer answer) {
  auto frames = WarningFrames<::thanos::TSDBStatisticsResponse>(answer.warnings);
  *frames.emplace_back().mutable_statistics() = std::move(answer.statistics);
  return frames;
}

void MergeMetadata(const ::thanos::MetricMetadata& from, ::thanos::MetricMetadata* metadata) {
  for (const auto& [metric, entry] : from.metadata()) {
    auto& known = *(*metadata->mutable_metadata())[metric].mutable_metas();
    for (const ::thanos::Meta& meta : entry.metas()) {
      const bool there = std::ranges::any_of(known, [&](const ::thanos::Meta& other) {
        return other.type() == meta.type() && other.help() == meta.help() && other.unit() == meta.unit();
      });
      if (!there) {
        *known.Add() = meta;
      }
    }
  }
}

void MergeStatistics(const ::thanos::TSDBStatistics& from, ::thanos::TSDBStatistics* statistics) {
  for (const auto& [tenant, entry] : from.statistics()) {
    const bool first = !statistics->statistics().contains(tenant);
    ::thanos::TSDBStatisticsEntry& sum = (*statistics->mutable_statistics())[tenant];
    AddHead(entry.head_statistics(), sum.mutable_head_statistics(), first);
    SumStatistics(entry.series_count_by_metric_name(), sum.mutable_series_count_by_metric_name());
    SumStatistics(entry.label_value_count_by_label_name(), sum.mutable_label_value_count_by_label_name());
    SumStatistics(entry.memory_in_bytes_by_label_name(), sum.mutable_memory_in_bytes_by_label_name());
    SumStatistics(entry.series_count_by_label_value_pair(), sum.mutable_series_count_by_label_value_pair());
  }
}

}  // namespace thanos::storeapi
