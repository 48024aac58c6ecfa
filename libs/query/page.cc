#include "query/page.h"

#include <algorithm>
#include <utility>

#include "base/strings.h"

namespace thanos::query {
namespace {

std::string EscapeHtml(std::string_view text) {
  std::string out;
  for (const char c : text) {
    switch (c) {
      case '&':
        out += "&amp;";
        break;
      case '<':
        out += "&lt;";
        break;
      case '>':
        out += "&gt;";
        break;
      case '"':
        out += "&quot;";
        break;
      default:
        out += c;
    }
  }
  return out;
}

std::string GraphPage(const std::string& link_prefix) {
  const std::string api = EscapeHtml(link_prefix) + "/api/v1/";
  return base::Concat(
      "<!DOCTYPE html>\n<html lang=\"en\"><head><meta charset=\"utf-8\"><title>Thanos "
      "Query</title></head><body>\n"
      "<h1>Thanos Query</h1>\n"
      "<form action=\"",
      api,
      "query\"><h2>Instant query</h2>\n"
      "<textarea name=\"query\" rows=\"4\" cols=\"100\" required></textarea><br>\n"
      "<label>Time <input name=\"time\"></label> <button>Execute</button></form>\n"
      "<form action=\"",
      api,
      "query_range\"><h2>Range query</h2>\n"
      "<textarea name=\"query\" rows=\"4\" cols=\"100\" required></textarea><br>\n"
      "<label>Start <input name=\"start\" required></label> <label>End <input name=\"end\" "
      "required></label>\n"
      "<label>Step <input name=\"step\"></label> <button>Execute</button></form>\n"
      "<p><a href=\"",
      api, "stores\">Stores</a> <a href=\"", api,
      "labels\">Labels</a> "
      "<a href=\"",
      api, "status/flags\">Flags</a> <a href=\"", api,
      "status/buildinfo\">Build</a></p>\n"
      "</body></html>\n");
}

// Where links of one request lead. A prefix from a header is data of whoever sent it: scheme and host are
// dropped, and what is not a plain path is ignored.
class LinkPrefix {
 public:
  LinkPrefix(std::string fixed, std::string header) : fixed_(std::move(fixed)), header_(std::move(header)) {}

  std::string For(const net::HttpRequest& request) const {
    const std::string* const value = header_.empty() ? nullptr : request.Header(header_);
    if (value == nullptr || value->empty()) {
      return fixed_;
    }
    std::string_view path = *value;
    if (const size_t scheme = path.find("://"); scheme != std::string_view::npos) {
      path.remove_prefix(scheme + 3);
      path.remove_prefix(std::min(path.find('/'), path.size()));
    }
    constexpr std::string_view kPathCharacters =
        "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-._~/%";
    if (path.find_first_not_of(kPathCharacters) != std::string_view::npos) {
      return fixed_;
    }
    while (path.starts_with('/')) {
      path.remove_prefix(1);
    }
    while (path.ends_with('/')) {
      path.remove_suffix(1);
    }
    return path.empty() ? "" : base::Concat("/", path);
  }

 private:
  const std::string fixed_;
  const std::string header_;
};

net::HttpServer::Route Redirect(const std::string& from, const LinkPrefix& prefix) {
  return {.methods = {"GET"}, .pattern = from, .handler = [prefix](const net::HttpRequest& request) {
            net::HttpResponse response;
            response.status = 302;
            response.headers.push_back({"Location", prefix.For(request) + "/graph"});
            return response;
          }};
}

}  // namespace

std::vector<net::HttpServer::Route> PageRoutes(const std::string& route_prefix,
                                               const std::string& link_prefix,
                                               const std::string& prefix_header) {
  std::vector<net::HttpServer::Route> routes;
  const LinkPrefix prefix(link_prefix, prefix_header);
  routes.push_back(Redirect("/", prefix));
  if (!route_prefix.empty()) {
    routes.push_back(Redirect(route_prefix, prefix));
    routes.push_back(Redirect(route_prefix + "/", prefix));
  }
  routes.push_back(
      {.methods = {"GET"},
       .pattern = route_prefix + "/graph",
       .handler = [prefix](const net::HttpRequest& request) {
         net::HttpResponse response;
         response.content_type = "text/html; charset=utf-8";
         response.headers.push_back({"Content-Security-Policy", "default-src 'none'; form-action 'self'"});
         response.body = GraphPage(prefix.For(request));
         return response;
       }});
  return routes;
}

}  // namespace thanos::query
