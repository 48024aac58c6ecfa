#pragma once

// Parameters of the query API: text forms and error texts of Prometheus and Thanos. Times are Unix
// milliseconds.

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/status.h"
#include "labels/matcher.h"
#include "net/http_server.h"
#include "storeapi/store.h"

namespace thanos::query {

// The times that mean "everything" when a metadata call names none.
inline constexpr int64_t kMinTimeMs = -9'223'309'901'257'974'000;
inline constexpr int64_t kMaxTimeMs = 9'223'309'901'257'974'999;

// Unix seconds with fraction, or RFC 3339.
base::StatusOr<int64_t> ParseTimeMs(std::string_view text);
// Seconds with fraction, or a Prometheus duration; may be negative.
base::StatusOr<int64_t> ParseStepMs(std::string_view text);

// All of these fail with InvalidArgument whose message is the error text of the answer. An empty value counts
// as absent.
base::StatusOr<int64_t> TimeParameter(const net::HttpRequest& request, std::string_view name,
                                      int64_t default_ms);
base::StatusOr<bool> BoolParameter(const net::HttpRequest& request, std::string_view name,
                                   bool default_value);
// 0 or more.
base::StatusOr<int64_t> LimitParameter(const net::HttpRequest& request);
base::StatusOr<std::optional<int64_t>> DurationParameter(const net::HttpRequest& request,
                                                         std::string_view name);
// Every selector of `match[]`; each needs a matcher that refuses the empty string.
base::StatusOr<std::vector<std::vector<labels::Matcher>>> MatchParameters(const net::HttpRequest& request);
base::StatusOr<std::vector<std::vector<labels::Matcher>>> StoreMatchParameters(
    const net::HttpRequest& request);
// The JSON of shard_info.
base::StatusOr<storeapi::ShardInfo> ShardParameter(const net::HttpRequest& request);

// U__service_2e_name -> service.name; names without the prefix, or with broken escapes, are returned as they
// are.
std::string UnescapeLabelName(std::string_view name);

}  // namespace thanos::query
