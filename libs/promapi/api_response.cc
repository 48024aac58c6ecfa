#include "promapi/api_response.h"

#include <algorithm>
#include <memory>
#include <rapidjson/document.h>
#include <utility>

#include "config/yaml.h"
#include "promapi/json_answer.h"

namespace thanos::promapi {

using internal::Answer;
using internal::BadAnswer;
using internal::FindMember;
using internal::kParseFlags;
using internal::ParseAnswer;
using internal::ViewOf;

namespace {

base::StatusOr<std::string> DecodeStringMember(std::string_view path, std::string body, const char* name) {
  Answer answer;
  TH_RETURN_IF_ERROR(ParseAnswer(path, std::move(body), &answer));
  const rapidjson::Value* value = FindMember(*answer.data, name);
  if (value == nullptr || !value->IsString()) {
    return BadAnswer(path, base::Concat("no string \"", name, "\""));
  }
  return std::string(ViewOf(*value));
}

base::Status AppendSeries(const rapidjson::Value& object, std::vector<labels::LabelView>* scratch,
                          series::SeriesBatch* batch) {
  if (!object.IsObject()) {
    return base::DataLoss("a series is not an object");
  }
  scratch->clear();
  for (const auto& member : object.GetObject()) {
    if (!member.value.IsString()) {
      return base::DataLoss("the value of label ", base::Quote(ViewOf(member.name)), " is not a string");
    }
    if (member.value.GetStringLength() > 0) {
      scratch->push_back({ViewOf(member.name), ViewOf(member.value)});
    }
  }
  std::sort(scratch->begin(), scratch->end(), [](const auto& a, const auto& b) { return a.name < b.name; });
  if (!labels::IsSorted(*scratch)) {
    return base::DataLoss("a label occurs twice in ", labels::ToString(*scratch));
  }
  auto* array = batch->arena().AllocateArray<labels::LabelView>(scratch->size());
  std::copy(scratch->begin(), scratch->end(), array);
  batch->series.push_back({.labels = {array, scratch->size()}, .chunks = {}});
  return base::OkStatus();
}

}  // namespace

base::Status StatusOfHttpError(std::string_view path, int http_status, std::string_view body) {
  constexpr size_t kMaxTextBytes = 512;
  rapidjson::Document document;
  document.Parse<kParseFlags>(body.data(), body.size());
  const rapidjson::Value* error = document.HasParseError() ? nullptr : FindMember(document, "error");
  const std::string text = base::Concat(
      path, ": status ", http_status, ": ",
      error != nullptr && error->IsString() ? ViewOf(*error) : base::Trim(body.substr(0, kMaxTextBytes)));
  switch (http_status) {
    case 400:
    case 422:
      return base::InvalidArgument(text);
    case 401:
      return base::Unauthenticated(text);
    case 403:
      return base::PermissionDenied(text);
    case 404:
      return base::NotFound(text);
    case 429:
      return base::ResourceExhausted(text);
    default:
      return http_status >= 500 ? base::Unavailable(text) : base::Unknown(text);
  }
}

base::StatusOr<std::string> DecodeBuildVersion(std::string body) {
  return DecodeStringMember("/api/v1/status/buildinfo", std::move(body), "version");
}

base::StatusOr<std::string> DecodeConfig(std::string body) {
  return DecodeStringMember("/api/v1/status/config", std::move(body), "yaml");
}

base::StatusOr<base::StringMap<std::string>> DecodeFlags(std::string body) {
  constexpr std::string_view kPath = "/api/v1/status/flags";
  Answer answer;
  TH_RETURN_IF_ERROR(ParseAnswer(kPath, std::move(body), &answer));
  if (!answer.data->IsObject()) {
    return BadAnswer(kPath, "data is not an object");
  }
  base::StringMap<std::string> flags;
  for (const auto& member : answer.data->GetObject()) {
    if (member.value.IsString()) {
      flags.emplace(ViewOf(member.name), ViewOf(member.value));
    }
  }
  return flags;
}

base::StatusOr<std::vector<std::string>> DecodeStrings(std::string_view path, std::string body) {
  Answer answer;
  TH_RETURN_IF_ERROR(ParseAnswer(path, std::move(body), &answer));
  std::vector<std::string> strings;
  if (answer.data->IsNull()) {
    return strings;
  }
  if (!answer.data->IsArray()) {
    return BadAnswer(path, "data is not an array");
  }
  for (const auto& value : answer.data->GetArray()) {
    if (!value.IsString()) {
      return BadAnswer(path, "data holds something else than strings");
    }
    strings.emplace_back(ViewOf(value));
  }
  return strings;
}

base::StatusOr<series::SeriesBatch> DecodeSeries(std::string body) {
  constexpr std::string_view kPath = "/api/v1/series";
  Answer answer;
  TH_RETURN_IF_ERROR(ParseAnswer(kPath, std::move(body), &answer));
  series::SeriesBatch batch;
  if (answer.data->IsNull()) {
    return batch;
  }
  if (!answer.data->IsArray()) {
    return BadAnswer(kPath, "data is not an array");
  }
  std::vector<labels::LabelView> scratch;
  for (const auto& value : answer.data->GetArray()) {
    TH_RETURN_IF_ERROR(base::Annotate(AppendSeries(value, &scratch, &batch), "answer of ", kPath));
  }
  // Strings parsed in place are views into the text, whatever becomes of the document.
  batch.Retain(answer.text);
  return batch;
}

base::StatusOr<labels::Labels> ParseExternalLabels(std::string_view yaml) {
  const auto root = config::ParseYaml(yaml);
  if (!root.ok()) {
    return base::Annotate(root.status(), "Prometheus configuration");
  }
  const config::YamlNode* global = root->Find("global");
  const config::YamlNode* external = global == nullptr ? nullptr : global->Find("external_labels");
  if (external == nullptr || external->kind == config::YamlNode::Kind::kNull) {
    return labels::Labels();
  }
  if (external->kind != config::YamlNode::Kind::kMap) {
    return base::DataLoss("Prometheus configuration: global.external_labels is not a map");
  }
  std::vector<std::pair<std::string, std::string>> pairs;
  for (const auto& [name, node] : external->entries) {
    auto value = config::YamlToString(node);
    if (!value.ok()) {
      return base::Annotate(value.status(), "Prometheus configuration: external label ", base::Quote(name));
    }
    if (!value->empty()) {
      pairs.emplace_back(name, *std::move(value));
    }
  }
  std::sort(pairs.begin(), pairs.end());
  std::vector<labels::LabelView> views;
  for (const auto& [name, value] : pairs) {
    views.push_back({name, value});
  }
  if (!labels::IsSorted(views)) {
    return base::DataLoss("Prometheus configuration: an external label occurs twice");
  }
  return labels::Labels(views);
}

}  // namespace thanos::promapi
