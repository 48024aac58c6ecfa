#pragma once

// The JSON of query results.

#include <cstdint>
#include <string>

#include "promql/result.h"

namespace thanos::query {

// Durations of one query in seconds, for `stats`.
struct QueryTimings {
  double preparation_seconds = 0;  // parsing and parameters
  double queue_seconds = 0;        // waiting at the gate
  double evaluation_seconds = 0;
};

struct ResultOptions {
  // Not null: adds "stats".
  const QueryTimings* timings = nullptr;
  // Most series or vector elements; 0 is no limit. Cutting adds kTruncatedWarning.
  int64_t limit = 0;
  // The JSON of "analysis".
  std::string analysis = "{}";
};

inline constexpr const char kTruncatedWarning[] = "results truncated due to limit";

// The whole body of a successful answer. Cuts `result` to the limit and gives its value back while it writes.
std::string EncodeResult(promql::Result& result, const ResultOptions& options);

}  // namespace thanos::query
