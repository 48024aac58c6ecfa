#include "buckettools/inspect.h"

#include <algorithm>
#include <array>
#include <cstdint>
#include <optional>
#include <utility>

#include "base/strings.h"
#include "config/units.h"
#include "downsample/downsample.h"
#include "labels/builder.h"

namespace thanos::buckettools {
namespace {

constexpr std::array<std::string_view, 13> kColumns = {
    "ULID",    "FROM",       "UNTIL",       "RANGE",  "UNTIL-DOWN", "#SERIES", "#SAMPLES",
    "#CHUNKS", "COMP-LEVEL", "COMP-FAILED", "LABELS", "RESOLUTION", "SOURCE"};

// One cell: what is shown and what it is sorted by.
struct Cell {
  std::string text;
  std::optional<int64_t> number = std::nullopt;  // else by text
};
using Row = std::array<Cell, kColumns.size()>;

std::string ShowTime(int64_t time_ms) {
  return block::FormatRfc3339(time_ms - ((time_ms % 1000) + 1000) % 1000);
}

// How much more time a block must span before it is downsampled further; nothing for the last resolution.
std::optional<int64_t> UntilDownsampling(const block::Meta& meta) {
  const int64_t range_ms = meta.max_time_ms - meta.min_time_ms;
  switch (meta.resolution_ms()) {
    case downsample::kResolutionRaw:
      return downsample::kMinRange5m - range_ms;
    case downsample::kResolution5m:
      return downsample::kMinRange1h - range_ms;
    default:
      return std::nullopt;
  }
}

// "1,234,567".
Cell Count(uint64_t number) {
  std::string text = std::to_string(number);
  for (size_t at = text.size(); at > 3; at -= 3) {
    text.insert(at - 3, ",");
  }
  return {std::move(text), static_cast<int64_t>(number)};
}

Cell Duration(int64_t duration_ms) {
  return {config::FormatExtDuration(std::chrono::milliseconds(duration_ms)), duration_ms};
}

Row ToRow(const block::Meta& meta) {
  std::vector<std::string> pairs;
  for (const labels::LabelView& label : meta.external_labels()) {
    pairs.push_back(base::Concat(label.name, "=", label.value));
  }
  const auto until = UntilDownsampling(meta);
  return {Cell{meta.ulid.ToString()},
          Cell{ShowTime(meta.min_time_ms), meta.min_time_ms},
          Cell{ShowTime(meta.max_time_ms), meta.max_time_ms},
          Duration(meta.max_time_ms - meta.min_time_ms),
          until ? Duration(*until) : Cell{"-"},
          Count(meta.stats.num_series),
          Count(meta.stats.num_samples),
          Count(meta.stats.num_chunks),
          Count(static_cast<uint64_t>(std::max(meta.compaction.level, 0))),
          Cell{meta.compaction.failed ? "true" : "false"},
          Cell{base::Join(pairs, ",")},
          Duration(meta.resolution_ms()),
          Cell{meta.thanos ? meta.thanos->source : ""}};
}

bool Less(const Cell& a, const Cell& b) {
  return a.number && b.number ? *a.number < *b.number : a.text < b.text;
}

// A CSV field: quoted when it has to be.
std::string Field(const std::string& text, char separator) {
  const char special[] = {separator, '"', '\n', '\r', '\0'};
  if (text.find_first_of(special) == std::string::npos && !text.starts_with(' ')) {
    return text;
  }
  std::string quoted = "\"";
  for (const char c : text) {
    quoted.append(c == '"' ? 2 : 1, c);
  }
  return quoted + "\"";
}

std::string Separated(const std::vector<Row>& rows, char separator) {
  std::string out;
  for (size_t i = 0; i < kColumns.size(); ++i) {
    base::Append(out, kColumns[i], i + 1 < kColumns.size() ? separator : '\n');
  }
  for (const Row& row : rows) {
    for (size_t i = 0; i < row.size(); ++i) {
      base::Append(out, Field(row[i].text, separator), i + 1 < row.size() ? separator : '\n');
    }
  }
  return out;
}

// Characters, not bytes.
size_t Width(std::string_view text) {
  return static_cast<size_t>(
      std::count_if(text.begin(), text.end(), [](char c) { return (c & 0xC0) != 0x80; }));
}

std::string Table(const std::vector<Row>& rows) {
  std::array<size_t, kColumns.size()> widths{};
  for (size_t i = 0; i < kColumns.size(); ++i) {
    widths[i] = kColumns[i].size();
    for (const Row& row : rows) {
      widths[i] = std::max(widths[i], Width(row[i].text));
    }
  }
  std::string out = "|";
  for (size_t i = 0; i < kColumns.size(); ++i) {
    const size_t space = widths[i] - kColumns[i].size();
    base::Append(out, " ", std::string(space / 2, ' '), kColumns[i], std::string(space - space / 2, ' '),
                 " |");
  }
  out += "\n|";
  for (const size_t width : widths) {
    base::Append(out, std::string(width + 2, '-'), "|");
  }
  out.push_back('\n');
  for (const Row& row : rows) {
    out.push_back('|');
    for (size_t i = 0; i < row.size(); ++i) {
      base::Append(out, " ", row[i].text, std::string(widths[i] - Width(row[i].text), ' '), " |");
    }
    out.push_back('\n');
  }
  return out;
}

}  // namespace

base::StatusOr<std::string> InspectBlocks(const std::vector<MetaPtr>& metas, const InspectOptions& options) {
  std::vector<size_t> order;
  for (const std::string& column : options.sort_by) {
    const auto found = std::find(kColumns.begin(), kColumns.end(), column);
    if (found == kColumns.end()) {
      return base::InvalidArgument("column ", column, " not found");
    }
    order.push_back(static_cast<size_t>(found - kColumns.begin()));
  }
  order.push_back(0);
  std::vector<Row> rows;
  for (const MetaPtr& meta : metas) {
    const auto has = [&](const labels::LabelView& label) {
      return labels::Get(meta->external_labels(), label.name) == label.value;
    };
    if (std::all_of(options.selector.begin(), options.selector.end(), has)) {
      rows.push_back(ToRow(*meta));
    }
  }
  std::stable_sort(rows.begin(), rows.end(), [&](const Row& a, const Row& b) {
    for (const size_t column : order) {
      if (a[column].text != b[column].text) {
        return Less(a[column], b[column]);
      }
    }
    return false;
  });
  switch (options.format) {
    case TableFormat::kCsv:
      return Separated(rows, ',');
    case TableFormat::kTsv:
      return Separated(rows, '\t');
    case TableFormat::kTable:
      break;
  }
  return Table(rows);
}

base::StatusOr<labels::Labels> ParseFlagLabels(const std::vector<std::string>& texts) {
  labels::LabelBuilder builder;
  for (const std::string& text : texts) {
    TH_ASSIGN_OR_RETURN(const auto label, config::ParseLabelFlag(text));
    builder.Set(label.first, label.second);
  }
  return builder.Build();
}

}  // namespace thanos::buckettools
