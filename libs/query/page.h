#pragma once

// A plain query form without scripts: GET / redirects to /graph, which asks the API.

#include <string>
#include <vector>

#include "net/http_server.h"

namespace thanos::query {

// `route_prefix` is where the process serves, `link_prefix` what a browser sees before it (both "" or
// "/prefix").
// A request header named `prefix_header` (empty: none) replaces the latter; of its value only a path counts.
std::vector<net::HttpServer::Route> PageRoutes(const std::string& route_prefix,
                                               const std::string& link_prefix,
                                               const std::string& prefix_header = "");

}  // namespace thanos::query
