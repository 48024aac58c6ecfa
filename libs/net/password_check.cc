#include "net/password_check.h"

#include <algorithm>
#include <crypt.h>
#include <cstring>
#include <memory>
#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <openssl/rand.h>

#include "base/check.h"
#include "base/strings.h"

namespace thanos::net {
namespace {

constexpr size_t kHashBytes = 60;         // "$2b$" cost "$" and 53 characters of salt and digest
constexpr size_t kMaxPasswordBytes = 72;  // bcrypt looks at no more
constexpr size_t kMaxHeaderBytes = 8 * 1024;

bool IsBcryptDigit(char c) {
  return c == '.' || c == '/' || (c >= '0' && c <= '9') || (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z');
}

int Base64Value(char c) {
  if (c >= 'A' && c <= 'Z') {
    return c - 'A';
  }
  if (c >= 'a' && c <= 'z') {
    return c - 'a' + 26;
  }
  if (c >= '0' && c <= '9') {
    return c - '0' + 52;
  }
  return c == '+' ? 62 : c == '/' ? 63 : -1;
}

std::optional<std::string> DecodeBase64(std::string_view text) {
  if (text.empty() || text.size() % 4 != 0) {
    return std::nullopt;
  }
  const size_t padding = text.ends_with("==") ? 2 : text.ends_with('=') ? 1 : 0;
  std::string out;
  uint32_t bits = 0;
  int num_bits = 0;
  for (const char c : text.substr(0, text.size() - padding)) {
    const int value = Base64Value(c);
    if (value < 0) {
      return std::nullopt;
    }
    bits = (bits << 6 | static_cast<uint32_t>(value)) & 0xffffff;
    num_bits += 6;
    if (num_bits >= 8) {
      num_bits -= 8;
      out += static_cast<char>(bits >> num_bits & 0xff);
    }
  }
  return out;
}

// A zero byte would end the password for crypt().
bool HasZeroByte(std::string_view text) {
  return text.find('\0') != std::string_view::npos;
}

bool BcryptMatches(std::string_view password, const std::string& hash) {
  std::string key(password.substr(0, kMaxPasswordBytes));
  auto data = std::make_unique<crypt_data>();
  const char* computed = crypt_r(key.c_str(), hash.c_str(), data.get());
  const bool matches = computed != nullptr && std::strlen(computed) == hash.size() &&
                       CRYPTO_memcmp(computed, hash.data(), hash.size()) == 0;
  OPENSSL_cleanse(key.data(), key.size());
  OPENSSL_cleanse(data.get(), sizeof(crypt_data));
  return matches && !HasZeroByte(password);
}

}  // namespace

std::optional<int> BcryptCost(std::string_view hash) {
  if (hash.size() != kHashBytes || !hash.starts_with("$2") || hash[3] != '$' || hash[6] != '$' ||
      (hash[2] != 'a' && hash[2] != 'b' && hash[2] != 'y') ||
      !std::all_of(hash.begin() + 7, hash.end(), IsBcryptDigit)) {
    return std::nullopt;
  }
  const auto cost = base::ParseUint64(hash.substr(4, 2));
  if (!cost.has_value() || *cost < 4 || *cost > 31) {
    return std::nullopt;
  }
  return static_cast<int>(*cost);
}

std::optional<Credentials> ParseBasicAuth(std::string_view header) {
  constexpr std::string_view kScheme = "Basic ";
  if (header.size() > kMaxHeaderBytes || !base::EqualsIgnoreCase(header.substr(0, kScheme.size()), kScheme)) {
    return std::nullopt;
  }
  const auto text = DecodeBase64(base::Trim(header.substr(kScheme.size())));
  const size_t colon = text.has_value() ? text->find(':') : std::string::npos;
  if (colon == std::string::npos) {
    return std::nullopt;
  }
  return Credentials{text->substr(0, colon), text->substr(colon + 1)};
}

PasswordCheck::PasswordCheck(std::vector<std::pair<std::string, std::string>> users, size_t max_remembered)
    : users_(std::move(users)), max_remembered_(max_remembered) {
  TH_CHECK(RAND_bytes(key_.data(), static_cast<int>(key_.size())) == 1);
}

PasswordCheck::~PasswordCheck() {
  for (auto& [user, hash] : users_) {
    OPENSSL_cleanse(hash.data(), hash.size());
  }
}

const std::string* PasswordCheck::FindHash(std::string_view user) const {
  for (const auto& [name, hash] : users_) {
    if (name == user) {
      return &hash;
    }
  }
  return nullptr;
}

// Lengths are part of it: no two inputs look the same when put together.
PasswordCheck::Digest PasswordCheck::DigestOf(const Credentials& credentials, std::string_view hash) const {
  std::string text;
  for (const std::string_view part : {std::string_view(credentials.user), hash,  //
                                      std::string_view(credentials.password)}) {
    base::Append(text, part.size(), ":", part);
  }
  Digest digest;
  unsigned length = 0;
  TH_CHECK(HMAC(EVP_sha256(), key_.data(), static_cast<int>(key_.size()),
                reinterpret_cast<const unsigned char*>(text.data()), text.size(), digest.data(),
                &length) != nullptr);
  OPENSSL_cleanse(text.data(), text.size());
  return digest;
}

bool PasswordCheck::IsRemembered(const Credentials& credentials) const {
  const std::string* hash = FindHash(credentials.user);
  if (hash == nullptr) {
    return false;
  }
  const Digest digest = DigestOf(credentials, *hash);
  base::MutexLock lock(mutex_);
  return right_.contains(digest);
}

bool PasswordCheck::IsRight(const Credentials& credentials) {
  const std::string* hash = FindHash(credentials.user);
  if (hash == nullptr) {
    // The work of a hash that exists, always the same one for a name, so that time tells nothing.
    if (!users_.empty()) {
      const Digest digest = DigestOf({credentials.user, ""}, "");
      BcryptMatches(credentials.password, users_[digest[0] % users_.size()].second);
    }
    return false;
  }
  if (!BcryptMatches(credentials.password, *hash)) {
    return false;
  }
  const Digest digest = DigestOf(credentials, *hash);
  base::MutexLock lock(mutex_);
  if (right_.insert(digest).second) {
    order_.push_back(digest);
  }
  if (order_.size() > max_remembered_) {
    right_.erase(order_.front());
    order_.pop_front();
  }
  return true;
}

}  // namespace thanos::net
