#include "promapi/encode.h"

#include <charconv>
#include <cmath>

#include "model/histogram_buckets.h"

namespace thanos::promapi {
namespace {

// Whole numbers up to here are exact and short in plain notation.
constexpr double kLargestFastInteger = 1e15;
constexpr double kSmallestPlain = 1e-6;
constexpr double kLargestPlain = 1e21;

void AppendInteger(std::string& out, int64_t value) {
  char buffer[24];
  const auto result = std::to_chars(buffer, buffer + sizeof(buffer), value);
  out.append(buffer, result.ptr);
}

// Length of the well-formed sequence at the start of `text`, whose first byte is not ASCII; 0 when malformed.
size_t Utf8Length(std::string_view text) {
  const auto byte = [text](size_t i) { return i < text.size() ? static_cast<unsigned char>(text[i]) : 0U; };
  const unsigned lead = byte(0);
  unsigned lowest = 0x80;
  unsigned highest = 0xBF;
  size_t length = 2;
  if (lead >= 0xC2 && lead <= 0xDF) {
    length = 2;
  } else if (lead >= 0xE0 && lead <= 0xEF) {
    length = 3;
    lowest = lead == 0xE0 ? 0xA0 : 0x80;
    highest = lead == 0xED ? 0x9F : 0xBF;
  } else if (lead >= 0xF0 && lead <= 0xF4) {
    length = 4;
    lowest = lead == 0xF0 ? 0x90 : 0x80;
    highest = lead == 0xF4 ? 0x8F : 0xBF;
  } else {
    return 0;
  }
  if (byte(1) < lowest || byte(1) > highest) {
    return 0;
  }
  for (size_t i = 2; i < length; ++i) {
    if (byte(i) < 0x80 || byte(i) > 0xBF) {
      return 0;
    }
  }
  return length;
}

void AppendEscaped(std::string& out, char c) {
  switch (c) {
    case '"':
      out += "\\\"";
      break;
    case '\\':
      out += "\\\\";
      break;
    case '\n':
      out += "\\n";
      break;
    case '\r':
      out += "\\r";
      break;
    case '\t':
      out += "\\t";
      break;
    default: {
      static constexpr char kHex[] = "0123456789abcdef";
      out += "\\u00";
      out += kHex[(c >> 4) & 0xF];
      out += kHex[c & 0xF];
    }
  }
}

void AppendQuotedValue(std::string& out, double value) {
  out += '"';
  AppendValueText(out, value);
  out += '"';
}

// 0 (], 1 [), 2 (), 3 []
char BoundaryRule(const model::HistogramBucket& bucket) {
  if (bucket.lower_inclusive) {
    return bucket.upper_inclusive ? '3' : '1';
  }
  return bucket.upper_inclusive ? '0' : '2';
}

void AppendWarnings(std::string& out, const std::vector<std::string>& warnings) {
  if (!warnings.empty()) {
    out += ",\"warnings\":";
    AppendJsonStrings(out, warnings);
  }
}

}  // namespace

void AppendJsonString(std::string& out, std::string_view text) {
  out += '"';
  size_t run = 0;  // start of the bytes not yet copied
  size_t i = 0;
  while (i < text.size()) {
    const auto c = static_cast<unsigned char>(text[i]);
    if (c >= 0x20 && c < 0x80 && c != '"' && c != '\\') {
      ++i;
      continue;
    }
    const size_t length = c >= 0x80 ? Utf8Length(text.substr(i)) : 0;
    if (length > 0) {
      i += length;
      continue;
    }
    out.append(text, run, i - run);
    if (c >= 0x80) {
      out += "\\ufffd";
    } else {
      AppendEscaped(out, text[i]);
    }
    run = ++i;
  }
  out.append(text, run);
  out += '"';
}

void AppendJsonStrings(std::string& out, const std::vector<std::string>& texts) {
  out += '[';
  for (size_t i = 0; i < texts.size(); ++i) {
    if (i > 0) {
      out += ',';
    }
    AppendJsonString(out, texts[i]);
  }
  out += ']';
}

void AppendValueText(std::string& out, double value) {
  const double magnitude = std::fabs(value);
  if (magnitude < kLargestFastInteger && value == std::trunc(value) && (value != 0 || !std::signbit(value))) {
    AppendInteger(out, static_cast<int64_t>(value));
    return;
  }
  if (std::isnan(value)) {
    out += "NaN";
    return;
  }
  if (std::isinf(value)) {
    out += value > 0 ? "+Inf" : "-Inf";
    return;
  }
  const bool plain = value == 0 || (magnitude >= kSmallestPlain && magnitude < kLargestPlain);
  char buffer[48];
  const auto result = std::to_chars(buffer, buffer + sizeof(buffer), value,
                                    plain ? std::chars_format::fixed : std::chars_format::scientific);
  out.append(buffer, result.ptr);
}

void AppendTimestamp(std::string& out, int64_t timestamp_ms) {
  uint64_t magnitude = static_cast<uint64_t>(timestamp_ms);
  if (timestamp_ms < 0) {
    out += '-';
    magnitude = 0 - magnitude;
  }
  AppendInteger(out, static_cast<int64_t>(magnitude / 1000));
  const auto fraction = static_cast<unsigned>(magnitude % 1000);
  if (fraction == 0) {
    return;
  }
  out += '.';
  out += static_cast<char>('0' + fraction / 100);
  if (fraction % 100 != 0) {
    out += static_cast<char>('0' + fraction / 10 % 10);
  }
  if (fraction % 10 != 0) {
    out += static_cast<char>('0' + fraction % 10);
  }
}

void AppendPoint(std::string& out, int64_t timestamp_ms, double value) {
  out += '[';
  AppendTimestamp(out, timestamp_ms);
  out += ',';
  AppendQuotedValue(out, value);
  out += ']';
}

void AppendLabels(std::string& out, labels::LabelSpan labels) {
  char separator = '{';
  for (const labels::LabelView& label : labels) {
    out += separator;
    separator = ',';
    AppendJsonString(out, label.name);
    out += ':';
    AppendJsonString(out, label.value);
  }
  out += labels.empty() ? "{}" : "}";
}

void AppendHistogramPoint(std::string& out, int64_t timestamp_ms, const model::Histogram& histogram) {
  out += '[';
  AppendTimestamp(out, timestamp_ms);
  out += ',';
  AppendHistogram(out, histogram);
  out += ']';
}

void AppendHistogram(std::string& out, const model::Histogram& histogram) {
  out += "{\"count\":";
  AppendQuotedValue(out, histogram.count);
  out += ",\"sum\":";
  AppendQuotedValue(out, histogram.sum);
  bool any = false;
  std::vector<model::HistogramBucket> buckets;
  model::AllBuckets(histogram, &buckets);
  for (const model::HistogramBucket& bucket : buckets) {
    if (bucket.count == 0) {
      continue;
    }
    out += any ? ",[" : ",\"buckets\":[[";
    any = true;
    out += BoundaryRule(bucket);
    for (const double value : {bucket.lower, bucket.upper, bucket.count}) {
      out += ',';
      AppendQuotedValue(out, value);
    }
    out += ']';
  }
  out += any ? "]}" : "}";
}

void BeginSuccess(std::string& out) {
  out += "{\"status\":\"success\",\"data\":";
}

void EndSuccess(std::string& out, const std::vector<std::string>& warnings) {
  AppendWarnings(out, warnings);
  out += '}';
}

std::string SuccessBody(std::string_view data_json, const std::vector<std::string>& warnings) {
  std::string out;
  out.reserve(data_json.size() + 64);
  BeginSuccess(out);
  out += data_json;
  EndSuccess(out, warnings);
  return out;
}

std::string ErrorBody(std::string_view error_type, std::string_view error) {
  std::string out = "{\"status\":\"error\",\"errorType\":";
  AppendJsonString(out, error_type);
  out += ",\"error\":";
  AppendJsonString(out, error);
  out += '}';
  return out;
}

}  // namespace thanos::promapi
