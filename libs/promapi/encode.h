#pragma once

// The JSON of Prometheus' HTTP API, appended straight to a string. Every function appends one complete JSON
// value and no separators around it.

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "labels/labels.h"
#include "model/histogram.h"

namespace thanos::promapi {

// Quoted and escaped. Invalid UTF-8 becomes \ufffd byte by byte, as in Go.
void AppendJsonString(std::string& out, std::string_view text);
void AppendJsonStrings(std::string& out, const std::vector<std::string>& texts);

// The digits of a sample value without quotes: shortest round trip, plain when 1e-6 <= |value| < 1e21, else
// with an exponent of at least two digits; NaN, +Inf, -Inf.
void AppendValueText(std::string& out, double value);
// Seconds as a number with up to three decimals.
void AppendTimestamp(std::string& out, int64_t timestamp_ms);
// [<seconds>,"<value>"]
void AppendPoint(std::string& out, int64_t timestamp_ms, double value);

// {"name":"value",...}
void AppendLabels(std::string& out, labels::LabelSpan labels);

// [<seconds>,<histogram>]
void AppendHistogramPoint(std::string& out, int64_t timestamp_ms, const model::Histogram& histogram);

// {"count":"..","sum":"..","buckets":[[rule,"lower","upper","count"],...]}: empty buckets are left out, and
// "buckets" when there is none. Rules: 0 (], 1 [), 2 (), 3 [].
void AppendHistogram(std::string& out, const model::Histogram& histogram);

// {"status":"success","data":<data>}, with "warnings" when there are any.
std::string SuccessBody(std::string_view data_json, const std::vector<std::string>& warnings);
// The same around a value appended in place: begin, append the value of "data", end.
void BeginSuccess(std::string& out);
void EndSuccess(std::string& out, const std::vector<std::string>& warnings);

// {"status":"error","errorType":"..","error":".."}
std::string ErrorBody(std::string_view error_type, std::string_view error);

}  // namespace thanos::promapi
