#pragma once

// The HTTP client YAML of --prometheus.http-client.

#include <string>
#include <string_view>
#include <vector>

#include "base/status.h"
#include "net/http_client.h"

namespace thanos::promapi {

// Credentials of requests. Files are read for each request, so that they can be rotated.
struct Authorization {
  std::string username;
  std::string password;
  std::string password_file;
  std::string bearer_token;
  std::string bearer_token_file;

  // Nothing without credentials. Errors are those of reading a file.
  base::StatusOr<std::vector<net::HttpHeader>> Headers() const;
};

struct ClientConfig {
  net::HttpClientOptions http;
  Authorization authorization;
};

// An empty text gives the defaults. InvalidArgument: unknown keys, two kinds of credentials, or what is not
// supported (oauth2).
base::StatusOr<ClientConfig> ParseClientConfig(std::string_view yaml);

}  // namespace thanos::promapi
