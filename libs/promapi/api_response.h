#pragma once

// Decoding of Prometheus' JSON answers ({"status":...,"data":...}). Untrusted bytes: any text gives a value
// or DataLoss.

#include <string>
#include <string_view>
#include <vector>

#include "base/status.h"
#include "base/strings.h"
#include "labels/labels.h"
#include "series/series_set.h"

namespace thanos::promapi {

// The error of a call answered with HTTP status `http_status`: 4xx are the caller's, 5xx are Unavailable. The
// text is the `error` of a JSON body, or the start of another body.
base::Status StatusOfHttpError(std::string_view path, int http_status, std::string_view body);

// data: {"version": "..."}.
base::StatusOr<std::string> DecodeBuildVersion(std::string body);
// data: {"flag": "value", ...}.
base::StatusOr<base::StringMap<std::string>> DecodeFlags(std::string body);
// data: {"yaml": "..."}.
base::StatusOr<std::string> DecodeConfig(std::string body);
// data: ["a", "b"]; `path` is named in errors.
base::StatusOr<std::vector<std::string>> DecodeStrings(std::string_view path, std::string body);
// data: [{"name": "value", ...}, ...]. Labels are sorted by name; empty values are dropped. The batch owns
// the text.
base::StatusOr<series::SeriesBatch> DecodeSeries(std::string body);

// `global.external_labels` of a Prometheus configuration; none is an empty set.
base::StatusOr<labels::Labels> ParseExternalLabels(std::string_view yaml);

}  // namespace thanos::promapi
