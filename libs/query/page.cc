#include "query/page.h"

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

net::HttpServer::Route Redirect(const std::string& from, const std::string& to) {
  return {.methods = {"GET"}, .pattern = from, .handler = [to](const net::HttpRequest&) {
            net::HttpResponse response;
            response.status = 302;
            response.headers.push_back({"Location", to});
            return response;
          }};
}

}  // namespace

std::vector<net::HttpServer::Route> PageRoutes(const std::string& route_prefix,
                                               const std::string& link_prefix) {
  std::vector<net::HttpServer::Route> routes;
  const std::string graph = link_prefix + "/graph";
  routes.push_back(Redirect("/", graph));
  if (!route_prefix.empty()) {
    routes.push_back(Redirect(route_prefix, graph));
    routes.push_back(Redirect(route_prefix + "/", graph));
  }
  routes.push_back(
      {.methods = {"GET"},
       .pattern = route_prefix + "/graph",
       .handler = [page = GraphPage(link_prefix)](const net::HttpRequest&) {
         net::HttpResponse response;
         response.content_type = "text/html; charset=utf-8";
         response.headers.push_back({"Content-Security-Policy", "default-src 'none'; form-action 'self'"});
         response.body = page;
         return response;
       }});
  return routes;
}

}  // namespace thanos::query
