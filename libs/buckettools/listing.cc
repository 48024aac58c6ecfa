#include "buckettools/listing.h"

#include <utility>

#include "base/strings.h"
#include "config/units.h"

namespace thanos::buckettools {
namespace {

using block::Meta;
using Getter = std::function<std::string(const Meta&)>;

// Lists and maps as Go prints them: "[a b]", "map[a:1 b:2]".
std::string PrintUlids(const std::vector<model::Ulid>& ulids) {
  std::vector<std::string> names;
  for (const model::Ulid& ulid : ulids) {
    names.push_back(ulid.ToString());
  }
  return base::Concat("[", base::Join(names, " "), "]");
}

std::string PrintLabels(labels::LabelSpan labels) {
  std::vector<std::string> pairs;
  for (const labels::LabelView& label : labels) {
    pairs.push_back(base::Concat(label.name, ":", label.value));
  }
  return base::Concat("map[", base::Join(pairs, " "), "]");
}

Getter ThanosText(std::string block::ThanosSection::*member) {
  return [member](const Meta& meta) { return meta.thanos ? *meta.thanos.*member : std::string(); };
}

template <typename T>
Getter Number(T Meta::*member) {
  return [member](const Meta& meta) { return base::Concat(meta.*member); };
}

Getter Stat(uint64_t block::BlockStats::*member) {
  return [member](const Meta& meta) { return base::Concat(meta.stats.*member); };
}

const std::vector<std::pair<std::string_view, Getter>>& Fields() {
  static const auto* const fields = new std::vector<std::pair<std::string_view, Getter>>{
      {".ULID", [](const Meta& meta) { return meta.ulid.ToString(); }},
      {".MinTime", Number(&Meta::min_time_ms)},
      {".MaxTime", Number(&Meta::max_time_ms)},
      {".Version", [](const Meta&) { return std::string("1"); }},
      {".Stats.NumSamples", Stat(&block::BlockStats::num_samples)},
      {".Stats.NumFloatSamples", Stat(&block::BlockStats::num_float_samples)},
      {".Stats.NumHistogramSamples", Stat(&block::BlockStats::num_histogram_samples)},
      {".Stats.NumSeries", Stat(&block::BlockStats::num_series)},
      {".Stats.NumChunks", Stat(&block::BlockStats::num_chunks)},
      {".Stats.NumTombstones", Stat(&block::BlockStats::num_tombstones)},
      {".Compaction.Level", [](const Meta& meta) { return base::Concat(meta.compaction.level); }},
      {".Compaction.Sources", [](const Meta& meta) { return PrintUlids(meta.compaction.sources); }},
      {".Compaction.Deletable",
       [](const Meta& meta) { return std::string(meta.compaction.deletable ? "true" : "false"); }},
      {".Compaction.Failed",
       [](const Meta& meta) { return std::string(meta.compaction.failed ? "true" : "false"); }},
      {".Compaction.Hints",
       [](const Meta& meta) { return base::Concat("[", base::Join(meta.compaction.hints, " "), "]"); }},
      {".Thanos.Labels", [](const Meta& meta) { return PrintLabels(meta.external_labels()); }},
      {".Thanos.Downsample.Resolution", [](const Meta& meta) { return base::Concat(meta.resolution_ms()); }},
      {".Thanos.Source", ThanosText(&block::ThanosSection::source)},
      {".Thanos.UploadTime", ThanosText(&block::ThanosSection::upload_time)},
  };
  return *fields;
}

constexpr std::string_view kLabels = ".Thanos.Labels";

Getter Label(std::string name) {
  return [name = std::move(name)](const Meta& meta) -> std::string {
    const std::string_view value = labels::Get(meta.external_labels(), name);
    // What Go prints for a key that a map of strings does not have.
    return value.empty() ? "<no value>" : std::string(value);
  };
}

// What stands between "{{" and "}}".
base::StatusOr<Getter> ParseAction(std::string_view action) {
  const auto unknown = base::InvalidArgument("invalid template: cannot use {{", action, "}}");
  std::string_view text = base::Trim(action);
  if (text.starts_with("index ")) {
    text = base::Trim(text.substr(6));
    if (!text.starts_with(kLabels)) {
      return unknown;
    }
    text = base::Trim(text.substr(kLabels.size()));
    if (text.size() < 2 || text.front() != '"' || text.back() != '"') {
      return unknown;
    }
    return Label(std::string(text.substr(1, text.size() - 2)));
  }
  for (const auto& [path, getter] : Fields()) {
    if (text == path) {
      return getter;
    }
  }
  if (text.starts_with(kLabels) && text.size() > kLabels.size() + 1 && text[kLabels.size()] == '.') {
    const std::string_view name = text.substr(kLabels.size() + 1);
    if (name.find_first_of(". |(") == std::string_view::npos) {
      return Label(std::string(name));
    }
  }
  return unknown;
}

std::string Seconds(int64_t time_ms) {
  return block::FormatRfc3339(time_ms - ((time_ms % 1000) + 1000) % 1000);
}

std::string Wide(const Meta& meta) {
  return base::Concat(
      meta.ulid.ToString(), " -- ", Seconds(meta.min_time_ms), " - ", Seconds(meta.max_time_ms), " Diff: ",
      config::FormatExtDuration(std::chrono::seconds(meta.max_time_ms / 1000 - meta.min_time_ms / 1000)),
      ", Compaction: ", meta.compaction.level, ", Downsample: ", meta.resolution_ms(),
      ", Source: ", meta.thanos ? meta.thanos->source : "", "\n");
}

}  // namespace

base::StatusOr<BlockFormat> BlockFormat::Parse(std::string_view format) {
  BlockFormat parsed;
  if (format.empty()) {
    return parsed;
  }
  if (format == "wide" || format == "json") {
    parsed.kind_ = format == "wide" ? Kind::kWide : Kind::kJson;
    return parsed;
  }
  parsed.kind_ = Kind::kTemplate;
  while (!format.empty()) {
    const size_t open = format.find("{{");
    if (const std::string_view text = format.substr(0, open); !text.empty()) {
      parsed.parts_.push_back([text = std::string(text)](const Meta&) { return text; });
    }
    if (open == std::string_view::npos) {
      break;
    }
    const size_t close = format.find("}}", open);
    if (close == std::string_view::npos) {
      return base::InvalidArgument("invalid template: unclosed action");
    }
    TH_ASSIGN_OR_RETURN(Getter getter, ParseAction(format.substr(open + 2, close - open - 2)));
    parsed.parts_.push_back(std::move(getter));
    format.remove_prefix(close + 2);
  }
  return parsed;
}

std::string BlockFormat::Format(const block::Meta& meta) const {
  std::string text;
  switch (kind_) {
    case Kind::kUlid:
      return meta.ulid.ToString() + "\n";
    case Kind::kWide:
      return Wide(meta);
    case Kind::kJson:
      text = block::FormatMeta(meta);
      break;
    case Kind::kTemplate:
      for (const Part& part : parts_) {
        text += part(meta);
      }
      text.push_back('\n');
      break;
  }
  if (!text.ends_with('\n')) {
    text.push_back('\n');
  }
  return text;
}

}  // namespace thanos::buckettools
