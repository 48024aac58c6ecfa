#pragma once

// Private: HTTP basic authentication against bcrypt hashes.

#include <array>
#include <cstdint>
#include <deque>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/mutex.h"

namespace thanos::net {

// The cost of a well-formed bcrypt hash ($2a$, $2b$, $2y$; 4 to 31), nothing for any other text.
std::optional<int> BcryptCost(std::string_view hash);

struct Credentials {
  std::string user;
  std::string password;
};
// Of an Authorization header's value; nothing unless it is well-formed basic authentication.
std::optional<Credentials> ParseBasicAuth(std::string_view header);

// Thread-safe. What was right once is remembered, keyed with a random key, so that bcrypt's price is paid
// once; wrong attempts always pay it. An unknown user costs as much as some known one.
class PasswordCheck {
 public:
  // Names with bcrypt hashes. `max_remembered`: how many right credentials are kept in mind.
  explicit PasswordCheck(std::vector<std::pair<std::string, std::string>> users,
                         size_t max_remembered = 1024);
  ~PasswordCheck();
  PasswordCheck(const PasswordCheck&) = delete;
  PasswordCheck& operator=(const PasswordCheck&) = delete;

  bool empty() const { return users_.empty(); }
  // Whether these are known to be right; fast.
  bool IsRemembered(const Credentials& credentials) const;
  // Whether they are right; takes as long as bcrypt does.
  bool IsRight(const Credentials& credentials);

 private:
  using Digest = std::array<unsigned char, 32>;
  const std::string* FindHash(std::string_view user) const;
  Digest DigestOf(const Credentials& credentials, std::string_view hash) const;

  std::vector<std::pair<std::string, std::string>> users_;
  const size_t max_remembered_;
  Digest key_;
  mutable base::Mutex mutex_;
  std::set<Digest> right_ ABSL_GUARDED_BY(mutex_);
  std::deque<Digest> order_ ABSL_GUARDED_BY(mutex_);  // oldest first
};

}  // namespace thanos::net
