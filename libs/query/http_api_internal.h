#pragma once

// Private: the parameter sets of HttpApi's handlers.

#include <optional>
#include <string>
#include <vector>

#include "query/http_api.h"

namespace thanos::query {

struct HttpApi::MetadataParameters {
  int64_t min_time_ms = 0;
  int64_t max_time_ms = 0;
  // One call per set; never empty (a set may be).
  std::vector<std::vector<labels::Matcher>> selectors;
  bool has_selectors = false;  // the request named some
  std::vector<std::vector<labels::Matcher>> store_matchers;
  storeapi::PartialResponse partial_response = storeapi::PartialResponse::kWarn;
  int64_t limit = 0;
  std::string tenant;
  std::string request_id;
};

// True when one of `warnings` is not an annotation of the engine.
bool HasStoreWarning(const std::vector<std::string>& warnings);

// The JSON of a syntax tree, as parse_query answers it.
std::string EncodeTree(const promql_parser::Expr& expr);

// The JSON of /api/v1/stores.
std::string EncodeStores(const std::map<std::string, std::vector<fanout::EndpointStatus>>& statuses);

}  // namespace thanos::query
