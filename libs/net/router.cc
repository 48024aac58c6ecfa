#include "net/router.h"

#include <algorithm>

#include "base/strings.h"
#include "net/url.h"

namespace thanos::net {

void Router::Add(HttpServer::Route route) {
  Entry entry;
  std::string_view pattern = route.pattern;
  if (pattern.ends_with('*')) {
    entry.has_rest = true;
    pattern.remove_suffix(1);
  }
  int num_named = 0;
  for (const std::string_view segment : base::Split(pattern, '/')) {
    entry.segments.emplace_back(segment);
    num_named += segment.starts_with(':') ? 1 : 0;
  }
  // An exact path beats one with names, both beat a prefix, and a longer prefix beats a shorter one.
  entry.rank = (entry.has_rest ? 0 : 1'000'000) - num_named * 1'000 + static_cast<int>(pattern.size());
  entry.route = std::move(route);
  const auto position = std::find_if(entries_.begin(), entries_.end(),
                                     [&](const Entry& other) { return other.rank < entry.rank; });
  entries_.insert(position, std::move(entry));
}

bool Router::MatchPath(const Entry& entry, std::string_view path,
                       std::vector<std::pair<std::string, std::string_view>>* values) {
  std::string_view rest = path;
  for (size_t i = 0; i < entry.segments.size(); ++i) {
    const std::string& wanted = entry.segments[i];
    const bool last = i + 1 == entry.segments.size();
    if (last && entry.has_rest) {
      // The text before the "*", which may end in the middle of a segment.
      if (!rest.starts_with(wanted)) {
        return false;
      }
      values->emplace_back("*", rest.substr(wanted.size()));
      return true;
    }
    const size_t slash = rest.find('/');
    const std::string_view segment = rest.substr(0, slash);
    if (wanted.starts_with(':')) {
      if (segment.empty()) {
        return false;
      }
      values->emplace_back(wanted.substr(1), segment);
    } else if (segment != wanted) {
      return false;
    }
    if (last) {
      return slash == std::string_view::npos;
    }
    if (slash == std::string_view::npos) {
      return false;
    }
    rest.remove_prefix(slash + 1);
  }
  return false;
}

base::StatusOr<Router::Match> Router::Find(std::string_view method, std::string_view path) const {
  Match match;
  for (const Entry& entry : entries_) {
    std::vector<std::pair<std::string, std::string_view>> values;
    if (!MatchPath(entry, path, &values)) {
      continue;
    }
    const auto& methods = entry.route.methods;
    const auto allows = [&](std::string_view wanted) {
      return std::find(methods.begin(), methods.end(), wanted) != methods.end();
    };
    match.path_known = true;
    if (!methods.empty() && !allows(method) && !(method == "HEAD" && allows("GET"))) {
      match.allowed.insert(match.allowed.end(), methods.begin(), methods.end());
      continue;
    }
    match.route = &entry.route;
    for (auto& [name, raw] : values) {
      TH_ASSIGN_OR_RETURN(std::string value, Unescape(raw, false));
      match.path_values.emplace_back(std::move(name), std::move(value));
    }
    return match;
  }
  return match;
}

}  // namespace thanos::net
