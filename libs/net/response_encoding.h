#pragma once

// Private: compressed answers.

#include <string>
#include <string_view>

#include "net/http_server.h"

namespace thanos::net {

// Whether an Accept-Encoding header's value allows gzip.
bool AcceptsGzip(std::string_view accept_encoding);

// Compresses the body of `response` when it is large enough to gain, is text, and has no encoding yet; says
// so in its headers.
void CompressResponse(std::string_view accept_encoding, HttpResponse* response);

}  // namespace thanos::net
