#pragma once

// Private: which route a path belongs to.

#include <string>
#include <string_view>
#include <vector>

#include "net/http_server.h"

namespace thanos::net {

class Router {
 public:
  void Add(HttpServer::Route route);

  struct Match {
    const HttpServer::Route* route = nullptr;  // null: see path_known
    bool path_known = false;                   // another method would do
    std::vector<std::string> allowed;          // those methods
    Parameters path_values;                    // decoded
  };
  // `path` is still escaped, so that an escaped slash does not split a segment. InvalidArgument for bad
  // escapes.
  base::StatusOr<Match> Find(std::string_view method, std::string_view path) const;

 private:
  struct Entry {
    HttpServer::Route route;
    std::vector<std::string> segments;  // without the "*"
    bool has_rest = false;
    int rank = 0;  // higher wins
  };
  static bool MatchPath(const Entry& entry, std::string_view path,
                        std::vector<std::pair<std::string, std::string_view>>* values);
  std::vector<Entry> entries_;  // best rank first
};

}  // namespace thanos::net
