#include "base/strings.h"
#include "net/http_client.h"
#include "net/http_server.h"

namespace thanos::net {
namespace {

const std::string* FindHeader(const std::vector<HttpHeader>& headers, std::string_view name) {
  for (const HttpHeader& header : headers) {
    if (base::EqualsIgnoreCase(header.name, name)) {
      return &header.value;
    }
  }
  return nullptr;
}

const std::string* FindParameter(const Parameters& parameters, std::string_view name) {
  for (const auto& [key, value] : parameters) {
    if (key == name) {
      return &value;
    }
  }
  return nullptr;
}

}  // namespace

const std::string* HttpRequest::Parameter(std::string_view name) const {
  return FindParameter(parameters, name);
}

std::vector<std::string> HttpRequest::ParameterList(std::string_view name) const {
  std::vector<std::string> out;
  for (const auto& [key, value] : parameters) {
    if (key == name) {
      out.push_back(value);
    }
  }
  return out;
}

const std::string* HttpRequest::Header(std::string_view name) const {
  return FindHeader(headers, name);
}

const std::string* HttpRequest::PathValue(std::string_view name) const {
  return FindParameter(path_values, name);
}

HttpResponse HttpResponse::Text(int status, std::string body) {
  HttpResponse response;
  response.status = status;
  response.body = std::move(body);
  return response;
}

const std::string* ClientResponse::Header(std::string_view name) const {
  return FindHeader(headers, name);
}

}  // namespace thanos::net
