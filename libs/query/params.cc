#include "query/params.h"

#include <algorithm>
#include <charconv>
#include <cmath>
#include <rapidjson/document.h>

#include "base/strings.h"
#include "config/units.h"
#include "model/units.h"
#include "promql_parser/parser.h"

namespace thanos::query {
namespace {

constexpr double kLargestSeconds = 9.2e15;  // in milliseconds still an int64
constexpr double kLargestDurationSeconds = 9'223'372'036.854775807;

const std::string* NonEmpty(const net::HttpRequest& request, std::string_view name) {
  const std::string* value = request.Parameter(name);
  return value == nullptr || value->empty() ? nullptr : value;
}

// Go's ParseBool.
std::optional<bool> ParseBool(std::string_view text) {
  for (const std::string_view word : {"1", "t", "T", "true", "TRUE", "True"}) {
    if (text == word) {
      return true;
    }
  }
  for (const std::string_view word : {"0", "f", "F", "false", "FALSE", "False"}) {
    if (text == word) {
      return false;
    }
  }
  return std::nullopt;
}

base::StatusOr<std::vector<std::vector<labels::Matcher>>> Selectors(const net::HttpRequest& request,
                                                                    std::string_view name) {
  std::vector<std::vector<labels::Matcher>> selectors;
  for (const std::string& text : request.ParameterList(name)) {
    auto matchers = promql_parser::ParseMetricSelector(text);
    if (!matchers.ok()) {
      return base::InvalidArgument("invalid parameter ", base::Quote(name), ": ",
                                   base::Message(matchers.status()));
    }
    selectors.push_back(*std::move(matchers));
  }
  return selectors;
}

int HexDigit(char c) {
  if (c >= '0' && c <= '9') {
    return c - '0';
  }
  const char lower = static_cast<char>(c | 0x20);
  return lower >= 'a' && lower <= 'f' ? lower - 'a' + 10 : -1;
}

void AppendCodePoint(std::string& out, uint32_t rune) {
  const auto add = [&out](uint32_t byte) { out.push_back(static_cast<char>(byte)); };
  if (rune < 0x80) {
    add(rune);
  } else if (rune < 0x800) {
    add(0xC0 | (rune >> 6));
    add(0x80 | (rune & 0x3F));
  } else if (rune < 0x10000) {
    add(0xE0 | (rune >> 12));
    add(0x80 | ((rune >> 6) & 0x3F));
    add(0x80 | (rune & 0x3F));
  } else {
    add(0xF0 | (rune >> 18));
    add(0x80 | ((rune >> 12) & 0x3F));
    add(0x80 | ((rune >> 6) & 0x3F));
    add(0x80 | (rune & 0x3F));
  }
}

}  // namespace

base::StatusOr<int64_t> ParseTimeMs(std::string_view text) {
  if (const std::optional<double> seconds = base::ParseDouble(text); seconds.has_value()) {
    if (std::fabs(*seconds) < kLargestSeconds) {
      // Rounded to milliseconds apart from the whole seconds, so that large times keep their fraction exact.
      const double whole = std::trunc(*seconds);
      return static_cast<int64_t>(whole) * 1000 + std::llround((*seconds - whole) * 1000);
    }
  } else if (const auto time_ms = config::ParseRfc3339Ms(text); time_ms.ok()) {
    return *time_ms;
  }
  return base::InvalidArgument("cannot parse ", base::Quote(text), " to a valid timestamp");
}

base::StatusOr<int64_t> ParseStepMs(std::string_view text) {
  if (const std::optional<double> seconds = base::ParseDouble(text); seconds.has_value()) {
    if (!(std::fabs(*seconds) <= kLargestDurationSeconds)) {
      return base::InvalidArgument("cannot parse ", base::Quote(text),
                                   " to a valid duration. It overflows int64");
    }
    return static_cast<int64_t>(std::trunc(std::round(*seconds * 1e9) / 1e6));
  }
  if (const auto duration_ms = model::ParseDurationMs(text); duration_ms.ok()) {
    return *duration_ms;
  }
  return base::InvalidArgument("cannot parse ", base::Quote(text), " to a valid duration");
}

base::StatusOr<int64_t> TimeParameter(const net::HttpRequest& request, std::string_view name,
                                      int64_t default_ms) {
  const std::string* text = NonEmpty(request, name);
  if (text == nullptr) {
    return default_ms;
  }
  auto time_ms = ParseTimeMs(*text);
  if (!time_ms.ok()) {
    return base::InvalidArgument("invalid parameter ", base::Quote(name), ": Invalid time value for '", name,
                                 "': ", base::Message(time_ms.status()));
  }
  return time_ms;
}

base::StatusOr<bool> BoolParameter(const net::HttpRequest& request, std::string_view name,
                                   bool default_value) {
  const std::string* text = NonEmpty(request, name);
  if (text == nullptr) {
    return default_value;
  }
  const std::optional<bool> value = ParseBool(*text);
  if (!value.has_value()) {
    return base::InvalidArgument("'", name, "' parameter: strconv.ParseBool: parsing ", base::Quote(*text),
                                 ": invalid syntax");
  }
  return *value;
}

base::StatusOr<int64_t> LimitParameter(const net::HttpRequest& request) {
  const std::string* text = NonEmpty(request, "limit");
  if (text == nullptr) {
    return 0;
  }
  std::string_view digits = *text;
  if (digits.size() > 1 && digits[0] == '+') {
    digits.remove_prefix(1);
  }
  const std::optional<int64_t> limit = base::ParseInt64(digits);
  if (!limit.has_value()) {
    return base::InvalidArgument("invalid parameter \"limit\": strconv.Atoi: parsing ", base::Quote(*text),
                                 ": invalid syntax");
  }
  if (*limit < 0) {
    return base::InvalidArgument("invalid parameter \"limit\": limit must be non-negative");
  }
  return *limit;
}

base::StatusOr<std::optional<int64_t>> DurationParameter(const net::HttpRequest& request,
                                                         std::string_view name) {
  const std::string* text = NonEmpty(request, name);
  if (text == nullptr) {
    return std::optional<int64_t>();
  }
  const auto duration_ms = ParseStepMs(*text);
  if (!duration_ms.ok()) {
    return base::InvalidArgument("'", name, "' parameter: ", base::Message(duration_ms.status()));
  }
  return std::optional<int64_t>(*duration_ms);
}

base::StatusOr<std::vector<std::vector<labels::Matcher>>> MatchParameters(const net::HttpRequest& request) {
  TH_ASSIGN_OR_RETURN(auto selectors, Selectors(request, "match[]"));
  for (const std::vector<labels::Matcher>& matchers : selectors) {
    if (std::ranges::all_of(matchers,
                            [](const labels::Matcher& matcher) { return matcher.MatchesEmpty(); })) {
      return base::InvalidArgument("match[] must contain at least one non-empty matcher");
    }
  }
  return selectors;
}

base::StatusOr<std::vector<std::vector<labels::Matcher>>> StoreMatchParameters(
    const net::HttpRequest& request) {
  return Selectors(request, "storeMatch[]");
}

base::StatusOr<storeapi::ShardInfo> ShardParameter(const net::HttpRequest& request) {
  storeapi::ShardInfo shard;
  const std::string* text = NonEmpty(request, "shard_info");
  if (text == nullptr) {
    return shard;
  }
  rapidjson::Document document;
  document.Parse<rapidjson::kParseIterativeFlag>(text->data(), text->size());
  if (document.HasParseError() || !document.IsObject()) {
    return base::InvalidArgument("could not unmarshal parameter shard_info");
  }
  const rapidjson::Value& json = document;
  const auto integer = [&json](const char* name) -> int64_t {
    const auto member = json.FindMember(name);
    return member != json.MemberEnd() && member->value.IsInt64() ? member->value.GetInt64() : 0;
  };
  shard.shard_index = integer("shard_index");
  shard.total_shards = integer("total_shards");
  if (const auto by = json.FindMember("by"); by != json.MemberEnd() && by->value.IsBool()) {
    shard.by = by->value.GetBool();
  }
  if (const auto labels = json.FindMember("labels"); labels != json.MemberEnd() && labels->value.IsArray()) {
    for (const auto& label : labels->value.GetArray()) {
      if (label.IsString()) {
        shard.labels.emplace_back(label.GetString(), label.GetStringLength());
      }
    }
  }
  return shard;
}

std::string UnescapeLabelName(std::string_view name) {
  static constexpr std::string_view kPrefix = "U__";
  if (!name.starts_with(kPrefix)) {
    return std::string(name);
  }
  const std::string_view escaped = name.substr(kPrefix.size());
  std::string out;
  size_t i = 0;
  while (i < escaped.size()) {
    if (escaped[i] != '_') {
      out.push_back(escaped[i++]);
      continue;
    }
    ++i;
    if (i < escaped.size() && escaped[i] == '_') {
      out.push_back('_');
      ++i;
      continue;
    }
    // _<hex>_ is one code point.
    uint32_t rune = 0;
    size_t digits = 0;
    while (i < escaped.size() && digits < 6 && HexDigit(escaped[i]) >= 0) {
      rune = rune * 16 + static_cast<uint32_t>(HexDigit(escaped[i]));
      ++i;
      ++digits;
    }
    const bool closed = i < escaped.size() && escaped[i] == '_';
    if (!closed || digits == 0 || rune > 0x10ffff || (rune >= 0xD800 && rune < 0xE000)) {
      return std::string(name);
    }
    ++i;
    AppendCodePoint(out, rune);
  }
  return out;
}

}  // namespace thanos::query
