#pragma once

// URLs and their escaping, as Go's net/url does for http addresses.

#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/status.h"

namespace thanos::net {

struct Url {
  std::string scheme;  // lower case
  std::string user_info;
  std::string host;  // without port; IPv6 without brackets
  std::string port;  // empty: the scheme's default
  std::string path;  // still escaped, as given
  std::string query;
  // "host:port" or "host".
  std::string Authority() const;
  std::string ToString() const;
};

// An absolute URL with a host. InvalidArgument otherwise.
base::StatusOr<Url> ParseUrl(std::string_view text);

// For query keys and values and form bodies: space becomes '+'.
std::string QueryEscape(std::string_view text);
// For one path segment: '/' is escaped too.
std::string PathEscape(std::string_view text);
// Undo the above; InvalidArgument for bad escapes. `plus_is_space` for queries and forms.
base::StatusOr<std::string> Unescape(std::string_view text, bool plus_is_space);

// "a=1&b=2" in the given order.
std::string EncodeQuery(const std::vector<std::pair<std::string, std::string>>& parameters);
// Pairs in order; a piece without '=' has an empty value; empty pieces are skipped.
base::StatusOr<std::vector<std::pair<std::string, std::string>>> ParseQuery(std::string_view query);

// `prefix` (an absolute URL, its path without trailing '/') + `path`, which begins with '/'.
std::string JoinUrl(std::string_view prefix, std::string_view path);

}  // namespace thanos::net
