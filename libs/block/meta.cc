#include "block/meta.h"

#include <algorithm>
#include <chrono>
#include <utility>

#include "block/internal/json.h"
#include "block/internal/local_files.h"

namespace thanos::block {
namespace {

using internal::FindArray;
using internal::FindObject;
using internal::MakeObject;
using internal::ReadMember;
using internal::SetMember;
using internal::ToValue;
using internal::ToView;
using rapidjson::Value;
using Allocator = rapidjson::Document::AllocatorType;

constexpr int kVersion = 1;
// Far above any real meta; a bound for what is parsed.
constexpr size_t kMaxMetaBytes = 64 * 1024 * 1024;

base::Status CheckVersion(const Value& object, std::string_view what, int missing) {
  int version = missing;
  TH_RETURN_IF_ERROR(ReadMember(object, "version", &version));
  return version == kVersion ? base::OkStatus() : base::DataLoss("unexpected ", what, " version ", version);
}

base::StatusOr<model::Ulid> ReadUlid(const Value& object, const char* key) {
  std::string text;
  TH_RETURN_IF_ERROR(ReadMember(object, key, &text));
  const auto ulid = model::Ulid::Parse(text);
  if (!ulid) {
    return base::DataLoss("JSON key ", key, ": ", base::Quote(text), " is not a ULID");
  }
  return *ulid;
}

base::Status ReadStrings(const Value& object, const char* key, std::vector<std::string>* target) {
  TH_ASSIGN_OR_RETURN(const Value* array, FindArray(object, key));
  if (array != nullptr) {
    for (const Value& item : array->GetArray()) {
      if (!item.IsString()) {
        return base::DataLoss("JSON key ", key, " is not a list of strings");
      }
      target->emplace_back(ToView(item));
    }
  }
  return base::OkStatus();
}

base::Status ReadStats(const Value& root, BlockStats* stats) {
  TH_ASSIGN_OR_RETURN(const Value* object, FindObject(root, "stats"));
  if (object == nullptr) {
    return base::OkStatus();
  }
  TH_RETURN_IF_ERROR(ReadMember(*object, "numSamples", &stats->num_samples));
  TH_RETURN_IF_ERROR(ReadMember(*object, "numFloatSamples", &stats->num_float_samples));
  TH_RETURN_IF_ERROR(ReadMember(*object, "numHistogramSamples", &stats->num_histogram_samples));
  TH_RETURN_IF_ERROR(ReadMember(*object, "numSeries", &stats->num_series));
  TH_RETURN_IF_ERROR(ReadMember(*object, "numChunks", &stats->num_chunks));
  return ReadMember(*object, "numTombstones", &stats->num_tombstones);
}

base::Status ReadCompaction(const Value& root, CompactionInfo* compaction) {
  TH_ASSIGN_OR_RETURN(const Value* object, FindObject(root, "compaction"));
  if (object == nullptr) {
    return base::OkStatus();
  }
  TH_RETURN_IF_ERROR(ReadMember(*object, "level", &compaction->level));
  std::vector<std::string> sources;
  TH_RETURN_IF_ERROR(ReadStrings(*object, "sources", &sources));
  for (const std::string& text : sources) {
    const auto ulid = model::Ulid::Parse(text);
    if (!ulid) {
      return base::DataLoss("compaction source ", base::Quote(text), " is not a ULID");
    }
    compaction->sources.push_back(*ulid);
  }
  TH_ASSIGN_OR_RETURN(const Value* parents, FindArray(*object, "parents"));
  if (parents != nullptr) {
    for (const Value& item : parents->GetArray()) {
      if (!item.IsObject()) {
        return base::DataLoss("compaction parent is not an object");
      }
      BlockParent parent;
      TH_ASSIGN_OR_RETURN(parent.ulid, ReadUlid(item, "ulid"));
      TH_RETURN_IF_ERROR(ReadMember(item, "minTime", &parent.min_time_ms));
      TH_RETURN_IF_ERROR(ReadMember(item, "maxTime", &parent.max_time_ms));
      compaction->parents.push_back(parent);
    }
  }
  TH_RETURN_IF_ERROR(ReadMember(*object, "deletable", &compaction->deletable));
  TH_RETURN_IF_ERROR(ReadMember(*object, "failed", &compaction->failed));
  return ReadStrings(*object, "hints", &compaction->hints);
}

base::Status ReadLabels(const Value& section, labels::Labels* target) {
  TH_ASSIGN_OR_RETURN(const Value* object, FindObject(section, "labels"));
  if (object == nullptr) {
    return base::OkStatus();
  }
  std::vector<labels::LabelView> views;
  for (const auto& member : object->GetObject()) {
    if (!member.value.IsString()) {
      return base::DataLoss("external label ", ToView(member.name), " is not a string");
    }
    if (member.value.GetStringLength() > 0) {
      views.push_back({ToView(member.name), ToView(member.value)});
    }
  }
  std::sort(views.begin(), views.end(),
            [](const labels::LabelView& a, const labels::LabelView& b) { return a.name < b.name; });
  if (!labels::IsSorted(views)) {
    return base::DataLoss("external labels hold a name twice");
  }
  *target = labels::Labels(labels::LabelSpan(views));
  return base::OkStatus();
}

base::Status ReadFiles(const Value& section, std::vector<BlockFile>* files) {
  TH_ASSIGN_OR_RETURN(const Value* array, FindArray(section, "files"));
  if (array == nullptr) {
    return base::OkStatus();
  }
  for (const Value& item : array->GetArray()) {
    if (!item.IsObject()) {
      return base::DataLoss("entry of files is not an object");
    }
    BlockFile file;
    TH_RETURN_IF_ERROR(ReadMember(item, "rel_path", &file.rel_path));
    TH_RETURN_IF_ERROR(ReadMember(item, "size_bytes", &file.size_bytes));
    TH_ASSIGN_OR_RETURN(const Value* hash, FindObject(item, "hash"));
    if (hash != nullptr) {
      TH_RETURN_IF_ERROR(ReadMember(*hash, "hashFunc", &file.hash_function));
      TH_RETURN_IF_ERROR(ReadMember(*hash, "value", &file.hash_value));
    }
    files->push_back(std::move(file));
  }
  return base::OkStatus();
}

base::Status ReadThanos(const Value& object, ThanosSection* section) {
  TH_RETURN_IF_ERROR(CheckVersion(object, "thanos section", kVersion));
  TH_RETURN_IF_ERROR(ReadLabels(object, &section->labels));
  TH_ASSIGN_OR_RETURN(const Value* downsample, FindObject(object, "downsample"));
  if (downsample != nullptr) {
    TH_RETURN_IF_ERROR(ReadMember(*downsample, "resolution", &section->resolution_ms));
  }
  TH_RETURN_IF_ERROR(ReadMember(object, "source", &section->source));
  TH_RETURN_IF_ERROR(ReadStrings(object, "segment_files", &section->segment_files));
  TH_RETURN_IF_ERROR(ReadFiles(object, &section->files));
  TH_ASSIGN_OR_RETURN(const Value* index_stats, FindObject(object, "index_stats"));
  if (index_stats != nullptr) {
    TH_RETURN_IF_ERROR(ReadMember(*index_stats, "series_max_size", &section->series_max_bytes));
    TH_RETURN_IF_ERROR(ReadMember(*index_stats, "chunk_max_size", &section->chunk_max_bytes));
  }
  TH_RETURN_IF_ERROR(ReadMember(object, "upload_time", &section->upload_time));
  if (const auto extensions = object.FindMember("extensions");
      extensions != object.MemberEnd() && extensions->value.IsObject()) {
    for (const auto& member : extensions->value.GetObject()) {
      section->extension_keys.emplace_back(ToView(member.name));
    }
  }
  return base::OkStatus();
}

// Sets a number, or removes the key when it is zero.
template <typename T>
void SetNonZero(Value& object, const char* key, T number, Allocator& allocator) {
  if (number != T{}) {
    SetMember(object, key, Value(number), allocator);
  } else {
    object.EraseMember(key);
  }
}

template <typename T, typename ToJson>
void SetNonEmptyList(Value& object, const char* key, const std::vector<T>& items, const ToJson& to_json,
                     Allocator& allocator) {
  if (items.empty()) {
    object.EraseMember(key);
    return;
  }
  Value array(rapidjson::kArrayType);
  for (const T& item : items) {
    array.PushBack(to_json(item), allocator);
  }
  SetMember(object, key, std::move(array), allocator);
}

void WriteCompaction(Value& root, const CompactionInfo& compaction, Allocator& allocator) {
  Value& object = MakeObject(root, "compaction", allocator);
  SetMember(object, "level", Value(compaction.level), allocator);
  SetNonEmptyList(
      object, "sources", compaction.sources,
      [&](const model::Ulid& ulid) { return ToValue(ulid.ToString(), allocator); }, allocator);
  SetNonZero(object, "deletable", compaction.deletable, allocator);
  SetNonEmptyList(
      object, "parents", compaction.parents,
      [&](const BlockParent& parent) {
        Value item(rapidjson::kObjectType);
        SetMember(item, "ulid", ToValue(parent.ulid.ToString(), allocator), allocator);
        SetMember(item, "minTime", Value(parent.min_time_ms), allocator);
        SetMember(item, "maxTime", Value(parent.max_time_ms), allocator);
        return item;
      },
      allocator);
  SetNonZero(object, "failed", compaction.failed, allocator);
  SetNonEmptyList(
      object, "hints", compaction.hints, [&](const std::string& hint) { return ToValue(hint, allocator); },
      allocator);
}

Value FileToJson(const BlockFile& file, Allocator& allocator) {
  Value item(rapidjson::kObjectType);
  SetMember(item, "rel_path", ToValue(file.rel_path, allocator), allocator);
  SetNonZero(item, "size_bytes", file.size_bytes, allocator);
  if (!file.hash_function.empty()) {
    Value& hash = MakeObject(item, "hash", allocator);
    SetMember(hash, "hashFunc", ToValue(file.hash_function, allocator), allocator);
    SetMember(hash, "value", ToValue(file.hash_value, allocator), allocator);
  }
  return item;
}

Value DeletionToJson(const BlockRewrite::Deletion& deletion, Allocator& allocator) {
  Value item(rapidjson::kObjectType);
  SetMember(item, "matchers", ToValue(deletion.matchers, allocator), allocator);
  SetNonEmptyList(
      item, "intervals", deletion.intervals,
      [&](const BlockRewrite::Interval& interval) {
        Value times(rapidjson::kObjectType);
        SetMember(times, "Mint", Value(interval.min_time_ms), allocator);
        SetMember(times, "Maxt", Value(interval.max_time_ms), allocator);
        return times;
      },
      allocator);
  if (!deletion.request_id.empty()) {
    SetMember(item, "request_id", ToValue(deletion.request_id, allocator), allocator);
  }
  return item;
}

Value RelabelToJson(const relabel::RuleConfig& rule, Allocator& allocator) {
  const auto text = [&](std::string_view value) { return ToValue(value, allocator); };
  Value item(rapidjson::kObjectType);
  SetNonEmptyList(item, "sourceLabels", rule.source_labels, text, allocator);
  SetMember(item, "separator", text(rule.separator), allocator);
  SetMember(item, "regex", text(rule.regex), allocator);
  SetNonZero(item, "modulus", rule.modulus, allocator);
  if (!rule.target_label.empty()) {
    SetMember(item, "targetLabel", text(rule.target_label), allocator);
  }
  SetMember(item, "replacement", text(rule.replacement), allocator);
  SetMember(item, "action", text(relabel::ActionName(rule.action)), allocator);
  return item;
}

void WriteRewrites(Value& section, const std::vector<BlockRewrite>& rewrites, Allocator& allocator) {
  if (rewrites.empty()) {
    return;
  }
  if (const auto known = section.FindMember("rewrites");
      known == section.MemberEnd() || !known->value.IsArray()) {
    SetMember(section, "rewrites", Value(rapidjson::kArrayType), allocator);
  }
  for (const BlockRewrite& rewrite : rewrites) {
    Value item(rapidjson::kObjectType);
    SetNonEmptyList(
        item, "sources", rewrite.sources,
        [&](const model::Ulid& ulid) { return ToValue(ulid.ToString(), allocator); }, allocator);
    SetNonEmptyList(
        item, "deletions_applied", rewrite.deletions,
        [&](const BlockRewrite::Deletion& deletion) { return DeletionToJson(deletion, allocator); },
        allocator);
    SetNonEmptyList(
        item, "relabels_applied", rewrite.relabels,
        [&](const relabel::RuleConfig& rule) { return RelabelToJson(rule, allocator); }, allocator);
    section["rewrites"].PushBack(item, allocator);
  }
}

void WriteThanos(Value& root, const ThanosSection& section, Allocator& allocator) {
  Value& object = MakeObject(root, "thanos", allocator);
  Value label_map(rapidjson::kObjectType);
  for (const labels::LabelView& label : section.labels) {
    label_map.AddMember(ToValue(label.name, allocator), ToValue(label.value, allocator), allocator);
  }
  SetMember(object, "labels", std::move(label_map), allocator);
  SetMember(MakeObject(object, "downsample", allocator), "resolution", Value(section.resolution_ms),
            allocator);
  SetMember(object, "source", ToValue(section.source, allocator), allocator);
  SetNonEmptyList(
      object, "segment_files", section.segment_files,
      [&](const std::string& name) { return ToValue(name, allocator); }, allocator);
  SetNonEmptyList(
      object, "files", section.files, [&](const BlockFile& file) { return FileToJson(file, allocator); },
      allocator);
  WriteRewrites(object, section.new_rewrites, allocator);
  Value& index_stats = MakeObject(object, "index_stats", allocator);
  SetNonZero(index_stats, "series_max_size", section.series_max_bytes, allocator);
  SetNonZero(index_stats, "chunk_max_size", section.chunk_max_bytes, allocator);
  if (!section.upload_time.empty()) {
    SetMember(object, "upload_time", ToValue(section.upload_time, allocator), allocator);
  }
}

base::StatusOr<Meta> ReadRoot(const Value& root) {
  TH_RETURN_IF_ERROR(CheckVersion(root, "meta", 0));
  Meta meta;
  TH_ASSIGN_OR_RETURN(meta.ulid, ReadUlid(root, "ulid"));
  TH_RETURN_IF_ERROR(ReadMember(root, "minTime", &meta.min_time_ms));
  TH_RETURN_IF_ERROR(ReadMember(root, "maxTime", &meta.max_time_ms));
  if (meta.min_time_ms > meta.max_time_ms) {
    return base::DataLoss("minTime ", meta.min_time_ms, " is behind maxTime ", meta.max_time_ms);
  }
  TH_RETURN_IF_ERROR(ReadStats(root, &meta.stats));
  TH_RETURN_IF_ERROR(ReadCompaction(root, &meta.compaction));
  TH_ASSIGN_OR_RETURN(const Value* thanos, FindObject(root, "thanos"));
  if (thanos != nullptr) {
    TH_RETURN_IF_ERROR(ReadThanos(*thanos, &meta.thanos.emplace()));
  }
  return meta;
}

}  // namespace

base::StatusOr<Meta> ParseMeta(std::string_view json) {
  if (json.size() > kMaxMetaBytes) {
    return base::DataLoss("meta.json has ", json.size(), " bytes");
  }
  rapidjson::Document document;
  TH_RETURN_IF_ERROR(internal::ParseJsonObject(json, &document));
  TH_ASSIGN_OR_RETURN(Meta meta, ReadRoot(document));
  meta.original = json;
  return meta;
}

std::string FormatMeta(const Meta& meta) {
  rapidjson::Document document;
  if (meta.original.empty() || !internal::ParseJsonObject(meta.original, &document).ok()) {
    document.SetObject();
  }
  Allocator& allocator = document.GetAllocator();
  SetMember(document, "ulid", ToValue(meta.ulid.ToString(), allocator), allocator);
  SetMember(document, "minTime", Value(meta.min_time_ms), allocator);
  SetMember(document, "maxTime", Value(meta.max_time_ms), allocator);
  Value& stats = MakeObject(document, "stats", allocator);
  SetNonZero(stats, "numSamples", meta.stats.num_samples, allocator);
  SetNonZero(stats, "numFloatSamples", meta.stats.num_float_samples, allocator);
  SetNonZero(stats, "numHistogramSamples", meta.stats.num_histogram_samples, allocator);
  SetNonZero(stats, "numSeries", meta.stats.num_series, allocator);
  SetNonZero(stats, "numChunks", meta.stats.num_chunks, allocator);
  SetNonZero(stats, "numTombstones", meta.stats.num_tombstones, allocator);
  WriteCompaction(document, meta.compaction, allocator);
  SetMember(document, "version", Value(kVersion), allocator);
  if (meta.thanos) {
    WriteThanos(document, *meta.thanos, allocator);
  } else {
    document.EraseMember("thanos");
  }
  std::string text = internal::FormatJson(document, "\t");
  if (!meta.thanos) {
    text.pop_back();  // Prometheus ends the file without a newline, Thanos with one
  }
  return text;
}

int64_t Meta::UploadTimeMs() const {
  if (thanos && !thanos->upload_time.empty()) {
    if (const auto time_ms = ParseRfc3339(thanos->upload_time); time_ms && *time_ms > 0) {
      return *time_ms;
    }
  }
  return ulid.time_ms();
}

std::string MetaPath(const model::Ulid& ulid) {
  return base::Concat(ulid.ToString(), "/", kMetaFileName);
}

base::StatusOr<Meta> ReadMetaFile(const std::string& block_directory) {
  const std::string path = base::Concat(block_directory, "/", kMetaFileName);
  TH_ASSIGN_OR_RETURN(const std::string text, internal::ReadFile(path));
  auto meta = ParseMeta(text);
  if (!meta.ok()) {
    return base::Annotate(meta.status(), path);
  }
  return meta;
}

base::Status WriteMetaFile(const std::string& block_directory, const Meta& meta) {
  return internal::WriteFileAtomically(base::Concat(block_directory, "/", kMetaFileName), FormatMeta(meta),
                                       true);
}

std::string FormatRfc3339(int64_t time_ms) {
  using std::chrono::days;
  const std::chrono::sys_time<std::chrono::milliseconds> time{std::chrono::milliseconds(time_ms)};
  const auto day = std::chrono::floor<days>(time);
  const std::chrono::year_month_day date(day);
  const std::chrono::hh_mm_ss<std::chrono::milliseconds> clock(time - day);
  char buffer[64];
  int size = snprintf(buffer, sizeof(buffer), "%04d-%02u-%02uT%02d:%02d:%02d", static_cast<int>(date.year()),
                      static_cast<unsigned>(date.month()), static_cast<unsigned>(date.day()),
                      static_cast<int>(clock.hours().count()), static_cast<int>(clock.minutes().count()),
                      static_cast<int>(clock.seconds().count()));
  std::string text(buffer, static_cast<size_t>(size));
  if (const auto fraction = clock.subseconds().count(); fraction != 0) {
    size = snprintf(buffer, sizeof(buffer), ".%03d", static_cast<int>(fraction));
    text.append(buffer, static_cast<size_t>(size));
    text.erase(text.find_last_not_of('0') + 1);  // like Go, without trailing zeros
  }
  text.push_back('Z');
  return text;
}

std::optional<int64_t> ParseRfc3339(std::string_view text) {
  const auto number = [&](size_t position, size_t count) -> std::optional<int64_t> {
    return position + count <= text.size() ? base::ParseInt64(text.substr(position, count)) : std::nullopt;
  };
  if (text.size() < 20 || text[4] != '-' || text[7] != '-' || (text[10] != 'T' && text[10] != 't') ||
      text[13] != ':' || text[16] != ':') {
    return std::nullopt;
  }
  const auto year = number(0, 4);
  const auto month = number(5, 2);
  const auto day = number(8, 2);
  const auto hour = number(11, 2);
  const auto minute = number(14, 2);
  const auto second = number(17, 2);
  if (!year || !month || !day || !hour || !minute || !second || *month < 1 || *hour > 24 || *minute > 59 ||
      *second > 60 || *hour < 0 || *minute < 0 || *second < 0) {
    return std::nullopt;
  }
  const std::chrono::year_month_day date(std::chrono::year(static_cast<int>(*year)),
                                         std::chrono::month(static_cast<unsigned>(*month)),
                                         std::chrono::day(static_cast<unsigned>(*day)));
  if (!date.ok()) {
    return std::nullopt;
  }
  int64_t time_ms = std::chrono::sys_days(date).time_since_epoch().count() * 86'400'000LL +
                    *hour * 3'600'000 + *minute * 60'000 + *second * 1000;
  size_t position = 19;
  if (position < text.size() && text[position] == '.') {
    int64_t scale = 100;
    for (++position; position < text.size() && text[position] >= '0' && text[position] <= '9'; ++position) {
      time_ms += (text[position] - '0') * scale;
      scale /= 10;
    }
  }
  const std::string_view zone = text.substr(position);
  if (zone == "Z" || zone == "z") {
    return time_ms;
  }
  const auto zone_hour = number(position + 1, 2);
  const auto zone_minute = number(position + 4, 2);
  if (zone.size() != 6 || (zone[0] != '+' && zone[0] != '-') || zone[3] != ':' || !zone_hour ||
      !zone_minute) {
    return std::nullopt;
  }
  const int64_t offset_ms = (*zone_hour * 60 + *zone_minute) * 60'000;
  return zone[0] == '+' ? time_ms - offset_ms : time_ms + offset_ms;
}

}  // namespace thanos::block
