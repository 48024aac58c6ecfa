#include "net/response_encoding.h"

#include <algorithm>
#include <limits>
#include <zlib.h>

#include "base/strings.h"

namespace thanos::net {
namespace {

constexpr size_t kMinBytes = 1024;
constexpr int kGzipWindowBits = 15 + 16;  // 16 asks zlib for gzip's frame
constexpr int kMemoryLevel = 8;

bool HasHeader(const HttpResponse& response, std::string_view name) {
  return std::any_of(response.headers.begin(), response.headers.end(),
                     [&](const HttpHeader& header) { return base::EqualsIgnoreCase(header.name, name); });
}

bool IsText(std::string_view content_type) {
  if (content_type.starts_with("text/")) {
    return true;
  }
  for (const std::string_view part : {"json", "javascript", "xml", "svg", "yaml", "openmetrics"}) {
    if (content_type.find(part) != std::string_view::npos) {
      return true;
    }
  }
  return false;
}

// False when zlib fails; `out` is unspecified then.
bool Gzip(std::string_view data, std::string* out) {
  z_stream stream{};
  if (deflateInit2(&stream, Z_BEST_SPEED, Z_DEFLATED, kGzipWindowBits, kMemoryLevel, Z_DEFAULT_STRATEGY) !=
      Z_OK) {
    return false;
  }
  out->resize(deflateBound(&stream, data.size()));
  stream.next_in = reinterpret_cast<Bytef*>(const_cast<char*>(data.data()));
  stream.avail_in = static_cast<uInt>(data.size());
  stream.next_out = reinterpret_cast<Bytef*>(out->data());
  stream.avail_out = static_cast<uInt>(out->size());
  const int result = deflate(&stream, Z_FINISH);
  out->resize(stream.total_out);
  deflateEnd(&stream);
  return result == Z_STREAM_END;
}

}  // namespace

bool AcceptsGzip(std::string_view accept_encoding) {
  bool any = false;
  for (const std::string_view item : base::Split(accept_encoding, ',')) {
    const size_t semicolon = item.find(';');
    const std::string_view name = base::Trim(item.substr(0, semicolon));
    bool allowed = true;
    if (semicolon != std::string_view::npos) {
      const std::string_view quality = base::Trim(item.substr(semicolon + 1));
      const auto value = quality.starts_with("q=") ? base::ParseDouble(quality.substr(2)) : std::nullopt;
      allowed = value.has_value() && *value > 0;
    }
    if (base::EqualsIgnoreCase(name, "gzip") || base::EqualsIgnoreCase(name, "x-gzip")) {
      return allowed;
    }
    any |= name == "*" && allowed;
  }
  return any;
}

void CompressResponse(std::string_view accept_encoding, HttpResponse* response) {
  if (response->body.size() <= kMinBytes || response->status == 204 || response->status == 304 ||
      response->status == 206 || !IsText(response->content_type) ||
      HasHeader(*response, "Content-Encoding") ||
      response->body.size() > std::numeric_limits<uInt>::max() / 2) {
    return;
  }
  response->headers.push_back({"Vary", "Accept-Encoding"});
  std::string compressed;
  if (!AcceptsGzip(accept_encoding) || !Gzip(response->body, &compressed) ||
      compressed.size() >= response->body.size()) {
    return;
  }
  response->body = std::move(compressed);
  response->headers.push_back({"Content-Encoding", "gzip"});
}

}  // namespace thanos::net
