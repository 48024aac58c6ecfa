#pragma once

// Digests and their text forms, as the HTTP APIs of object stores want them.

#include <string>
#include <string_view>

namespace thanos::objstore::internal {

// Raw bytes.
std::string Sha256(std::string_view data);
std::string HmacSha256(std::string_view key, std::string_view data);
std::string HmacSha1(std::string_view key, std::string_view data);
std::string Md5(std::string_view data);

std::string Hex(std::string_view bytes);  // lower case
std::string Base64(std::string_view bytes);

}  // namespace thanos::objstore::internal
