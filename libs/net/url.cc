#include "net/url.h"

#include "base/strings.h"

namespace thanos::net {
namespace {

bool IsUnreserved(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-' || c == '_' ||
         c == '.' || c == '~';
}

std::string Escape(std::string_view text, std::string_view also_plain, bool plus_for_space) {
  constexpr std::string_view kHex = "0123456789ABCDEF";
  std::string out;
  out.reserve(text.size() + 8);
  for (const char c : text) {
    if (IsUnreserved(c) || also_plain.find(c) != std::string_view::npos) {
      out += c;
    } else if (c == ' ' && plus_for_space) {
      out += '+';
    } else {
      const auto byte = static_cast<unsigned char>(c);
      out += '%';
      out += kHex[byte >> 4];
      out += kHex[byte & 15];
    }
  }
  return out;
}

int HexDigit(char c) {
  if (c >= '0' && c <= '9') {
    return c - '0';
  }
  if (c >= 'a' && c <= 'f') {
    return c - 'a' + 10;
  }
  if (c >= 'A' && c <= 'F') {
    return c - 'A' + 10;
  }
  return -1;
}

// Splits "user@host:port" into the fields of `url`.
base::Status ParseAuthority(std::string_view text, Url* url) {
  if (const size_t at = text.rfind('@'); at != std::string_view::npos) {
    url->user_info = std::string(text.substr(0, at));
    text.remove_prefix(at + 1);
  }
  std::string_view port;
  if (text.starts_with('[')) {
    const size_t close = text.find(']');
    if (close == std::string_view::npos) {
      return base::InvalidArgument("missing ']' in host");
    }
    url->host = std::string(text.substr(1, close - 1));
    port = text.substr(close + 1);
    if (!port.empty() && !port.starts_with(':')) {
      return base::InvalidArgument("unexpected text after ']' in host");
    }
    port = port.empty() ? port : port.substr(1);
  } else {
    const size_t colon = text.find(':');
    url->host = std::string(text.substr(0, colon));
    port = colon == std::string_view::npos ? std::string_view() : text.substr(colon + 1);
  }
  if (url->host.empty()) {
    return base::InvalidArgument("missing host");
  }
  if (!port.empty()) {
    const auto number = base::ParseUint64(port);
    if (!number.has_value() || *number > 65535) {
      return base::InvalidArgument("invalid port ", base::Quote(port));
    }
  }
  url->port = std::string(port);
  return base::OkStatus();
}

}  // namespace

std::string Url::Authority() const {
  const std::string name = host.find(':') == std::string::npos ? host : base::Concat("[", host, "]");
  return port.empty() ? name : base::Concat(name, ":", port);
}

std::string Url::ToString() const {
  return base::Concat(scheme, "://", user_info, user_info.empty() ? "" : "@", Authority(), path,
                      query.empty() ? "" : "?", query);
}

base::StatusOr<Url> ParseUrl(std::string_view text) {
  for (const char c : text) {
    if (static_cast<unsigned char>(c) <= ' ' || c == 0x7f) {
      return base::InvalidArgument("control byte or space in URL ", base::Quote(text));
    }
  }
  const size_t colon = text.find("://");
  if (colon == std::string_view::npos || colon == 0) {
    return base::InvalidArgument("URL ", base::Quote(text), " has no scheme");
  }
  Url url;
  url.scheme = base::ToLower(text.substr(0, colon));
  std::string_view rest = text.substr(colon + 3);
  rest = rest.substr(0, rest.find('#'));
  const size_t end = rest.find_first_of("/?");
  TH_RETURN_IF_ERROR(base::Annotate(ParseAuthority(rest.substr(0, end), &url), "URL ", base::Quote(text)));
  rest = end == std::string_view::npos ? std::string_view() : rest.substr(end);
  const size_t question = rest.find('?');
  url.path = std::string(rest.substr(0, question));
  url.query = question == std::string_view::npos ? "" : std::string(rest.substr(question + 1));
  return url;
}

std::string QueryEscape(std::string_view text) {
  return Escape(text, "", true);
}

std::string PathEscape(std::string_view text) {
  return Escape(text, "$&+:=@", false);
}

base::StatusOr<std::string> Unescape(std::string_view text, bool plus_is_space) {
  std::string out;
  out.reserve(text.size());
  for (size_t i = 0; i < text.size(); ++i) {
    if (text[i] == '+' && plus_is_space) {
      out += ' ';
    } else if (text[i] != '%') {
      out += text[i];
    } else {
      const int high = i + 1 < text.size() ? HexDigit(text[i + 1]) : -1;
      const int low = i + 2 < text.size() ? HexDigit(text[i + 2]) : -1;
      if (high < 0 || low < 0) {
        return base::InvalidArgument("invalid URL escape ", base::Quote(text.substr(i, 3)));
      }
      out += static_cast<char>(high * 16 + low);
      i += 2;
    }
  }
  return out;
}

std::string EncodeQuery(const std::vector<std::pair<std::string, std::string>>& parameters) {
  std::string out;
  for (const auto& [name, value] : parameters) {
    base::Append(out, out.empty() ? "" : "&", QueryEscape(name), "=", QueryEscape(value));
  }
  return out;
}

base::StatusOr<std::vector<std::pair<std::string, std::string>>> ParseQuery(std::string_view query) {
  std::vector<std::pair<std::string, std::string>> out;
  for (const std::string_view piece : base::Split(query, '&')) {
    if (piece.empty()) {
      continue;
    }
    const size_t equals = piece.find('=');
    TH_ASSIGN_OR_RETURN(std::string name, Unescape(piece.substr(0, equals), true));
    TH_ASSIGN_OR_RETURN(std::string value,
                        Unescape(equals == std::string_view::npos ? "" : piece.substr(equals + 1), true));
    out.emplace_back(std::move(name), std::move(value));
  }
  return out;
}

std::string JoinUrl(std::string_view prefix, std::string_view path) {
  while (prefix.ends_with('/')) {
    prefix.remove_suffix(1);
  }
  return base::Concat(prefix, path);
}

}  // namespace thanos::net
