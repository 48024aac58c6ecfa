// The series and label calls.

#include <algorithm>
#include <set>
#include <utility>

#include "base/strings.h"
#include "promapi/encode.h"
#include "query/encode_result.h"
#include "query/http_api.h"
#include "query/http_api_internal.h"
#include "query/params.h"

namespace thanos::query {
namespace {

// Union of sorted lists of several calls; remembers warnings once.
struct Union {
  std::set<std::string> values;
  std::vector<std::string> warnings;

  void Add(storeapi::LabelsResponse response) {
    for (std::string& value : response.values) {
      values.insert(std::move(value));
    }
    AddWarnings(std::move(response.warnings));
  }
  void AddWarnings(std::vector<std::string> more) {
    for (std::string& warning : more) {
      if (std::ranges::find(warnings, warning) == warnings.end()) {
        warnings.push_back(std::move(warning));
      }
    }
  }
  std::vector<std::string> Take(int64_t limit) {
    std::vector<std::string> out(values.begin(), values.end());
    if (limit > 0 && out.size() > static_cast<size_t>(limit)) {
      out.resize(static_cast<size_t>(limit));
      warnings.emplace_back(kTruncatedWarning);
    }
    return out;
  }
};

// One more than the limit, so that cutting is noticed.
int64_t StoreLimit(int64_t limit) {
  return limit > 0 ? limit + 1 : 0;
}

std::string EncodeStrings(const std::vector<std::string>& values, const std::vector<std::string>& warnings) {
  std::string out;
  promapi::BeginSuccess(out);
  promapi::AppendJsonStrings(out, values);
  promapi::EndSuccess(out, warnings);
  return out;
}

}  // namespace

base::StatusOr<HttpApi::MetadataParameters> HttpApi::ParseMetadata(const net::HttpRequest& request) const {
  MetadataParameters parameters;
  const int64_t range_ms = options_.metadata_time_range_ms;
  const int64_t now_ms = backends_.clock.NowMs();
  TH_ASSIGN_OR_RETURN(parameters.min_time_ms,
                      TimeParameter(request, "start", range_ms == 0 ? kMinTimeMs : now_ms - range_ms));
  TH_ASSIGN_OR_RETURN(parameters.max_time_ms,
                      TimeParameter(request, "end", range_ms == 0 ? kMaxTimeMs : now_ms));
  if (parameters.max_time_ms < parameters.min_time_ms) {
    return base::InvalidArgument("end timestamp must not be before start time");
  }
  TH_ASSIGN_OR_RETURN(parameters.selectors, MatchParameters(request));
  parameters.has_selectors = !parameters.selectors.empty();
  if (!parameters.has_selectors) {
    parameters.selectors.emplace_back();
  }
  TH_ASSIGN_OR_RETURN(parameters.store_matchers, StoreMatchParameters(request));
  TH_ASSIGN_OR_RETURN(const bool partial,
                      BoolParameter(request, "partial_response", options_.partial_response));
  parameters.partial_response =
      partial ? storeapi::PartialResponse::kWarn : storeapi::PartialResponse::kAbort;
  TH_ASSIGN_OR_RETURN(parameters.limit, LimitParameter(request));
  TH_ASSIGN_OR_RETURN(parameters.tenant, TenantOf(request));
  parameters.request_id = request.request_id;
  for (std::vector<labels::Matcher>& matchers : parameters.selectors) {
    EnforceTenant(options_.tenancy, parameters.tenant, &matchers);
  }
  return parameters;
}

base::StatusOr<HttpApi::Answer> HttpApi::LabelNames(const net::HttpRequest& request) {
  TH_ASSIGN_OR_RETURN(MetadataParameters parameters, ParseMetadata(request));
  std::unique_ptr<storeapi::Store> narrowed;
  storeapi::Store& store = StoreFor(std::move(parameters.store_matchers), &narrowed);
  const base::CancelSource cancel(request.cancel, options_.timeout);
  Union names;
  for (std::vector<labels::Matcher>& matchers : parameters.selectors) {
    storeapi::LabelNamesRequest call;
    call.min_time_ms = parameters.min_time_ms;
    call.max_time_ms = parameters.max_time_ms;
    call.matchers = std::move(matchers);
    call.partial_response = parameters.partial_response;
    call.limit = StoreLimit(parameters.limit);
    call.tenant = parameters.tenant;
    call.request_id = parameters.request_id;
    TH_ASSIGN_OR_RETURN(storeapi::LabelsResponse response, store.LabelNames(cancel.token(), call));
    names.Add(std::move(response));
  }
  const std::vector<std::string> values = names.Take(parameters.limit);
  return Answer{EncodeStrings(values, names.warnings), HasStoreWarning(names.warnings)};
}

base::StatusOr<HttpApi::Answer> HttpApi::LabelValues(const net::HttpRequest& request) {
  const std::string* path_name = request.PathValue("name");
  const std::string name = path_name == nullptr ? "" : UnescapeLabelName(*path_name);
  if (name.empty() || !base::IsValidUtf8(name)) {
    return base::InvalidArgument("invalid label name: ", base::Quote(name));
  }
  TH_ASSIGN_OR_RETURN(MetadataParameters parameters, ParseMetadata(request));
  std::unique_ptr<storeapi::Store> narrowed;
  storeapi::Store& store = StoreFor(std::move(parameters.store_matchers), &narrowed);
  const base::CancelSource cancel(request.cancel, options_.timeout);
  Union values;
  for (std::vector<labels::Matcher>& matchers : parameters.selectors) {
    storeapi::LabelValuesRequest call;
    call.label = name;
    call.min_time_ms = parameters.min_time_ms;
    call.max_time_ms = parameters.max_time_ms;
    call.matchers = std::move(matchers);
    call.partial_response = parameters.partial_response;
    call.limit = StoreLimit(parameters.limit);
    call.tenant = parameters.tenant;
    call.request_id = parameters.request_id;
    TH_ASSIGN_OR_RETURN(storeapi::LabelsResponse response, store.LabelValues(cancel.token(), call));
    values.Add(std::move(response));
  }
  const std::vector<std::string> list = values.Take(parameters.limit);
  return Answer{EncodeStrings(list, values.warnings), HasStoreWarning(values.warnings)};
}

base::StatusOr<HttpApi::Answer> HttpApi::Series(const net::HttpRequest& request) {
  TH_ASSIGN_OR_RETURN(MetadataParameters parameters, ParseMetadata(request));
  if (!parameters.has_selectors) {
    return base::InvalidArgument("no match[] parameter provided");
  }
  TH_ASSIGN_OR_RETURN(const bool deduplicate, BoolParameter(request, "dedup", true));
  std::vector<std::string> replica_labels = request.ParameterList("replicaLabels[]");
  if (replica_labels.empty()) {
    replica_labels = options_.replica_labels;
  }
  std::unique_ptr<storeapi::Store> narrowed;
  storeapi::Store& store = StoreFor(std::move(parameters.store_matchers), &narrowed);
  const base::CancelSource cancel(request.cancel, options_.timeout);
  std::set<labels::Labels> found;
  Union warnings;
  for (std::vector<labels::Matcher>& matchers : parameters.selectors) {
    storeapi::SeriesRequest call;
    call.min_time_ms = parameters.min_time_ms;
    call.max_time_ms = parameters.max_time_ms;
    call.matchers = std::move(matchers);
    // Labels of downsampled blocks count, too.
    call.max_resolution_ms = kMaxTimeMs;
    call.partial_response = parameters.partial_response;
    call.skip_chunks = true;
    call.limit = StoreLimit(parameters.limit);
    call.response_batch_size = SourceOptions{}.response_batch_size;
    call.tenant = parameters.tenant;
    call.request_id = parameters.request_id;
    if (deduplicate) {
      call.without_replica_labels = replica_labels;
    }
    TH_ASSIGN_OR_RETURN(const std::unique_ptr<series::SeriesSet> set, store.Series(cancel.token(), call));
    series::SeriesBatch batch;
    while (true) {
      TH_ASSIGN_OR_RETURN(const bool more, set->Next(cancel.token(), &batch));
      if (!more) {
        break;
      }
      for (const series::Series& series : batch.series) {
        found.emplace(series.labels);
      }
      warnings.AddWarnings(std::move(batch.warnings));
    }
  }
  std::string out;
  promapi::BeginSuccess(out);
  char separator = '[';
  int64_t count = 0;
  for (const labels::Labels& labels : found) {
    if (parameters.limit > 0 && count++ == parameters.limit) {
      warnings.warnings.emplace_back(kTruncatedWarning);
      break;
    }
    out += separator;
    separator = ',';
    promapi::AppendLabels(out, labels);
  }
  out += found.empty() ? "[]" : "]";
  promapi::EndSuccess(out, warnings.warnings);
  return Answer{std::move(out), HasStoreWarning(warnings.warnings)};
}

}  // namespace thanos::query
