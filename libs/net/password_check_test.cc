#include "net/password_check.h"

#include <crypt.h>
#include <gtest/gtest.h>
#include <memory>

#include "base/strings.h"

namespace thanos::net {
namespace {

std::string Hash(const std::string& password, const std::string& setting) {
  const auto data = std::make_unique<crypt_data>();
  return crypt_r(password.c_str(), setting.c_str(), data.get());
}

TEST(BcryptCostTest, TakesOnlyHashes) {
  const std::string rest = "0123456789012345678901u0123456789012345678901234567890";
  const std::string digits = rest.substr(0, 53);
  EXPECT_EQ(BcryptCost("$2a$04$" + digits), 4);
  EXPECT_EQ(BcryptCost("$2b$10$" + digits), 10);
  EXPECT_EQ(BcryptCost("$2y$31$" + digits), 31);
  for (const std::string& bad : {"$2x$10$" + digits, "$2y$03$" + digits, "$2y$32$" + digits, "$2y$10$" + rest,
                                 "$2y$+5$" + digits, std::string("secret"), std::string()}) {
    EXPECT_FALSE(BcryptCost(bad).has_value()) << bad;
  }
}

TEST(ParseBasicAuthTest, Decodes) {
  const auto credentials = ParseBasicAuth("Basic YWxpY2U6YTpi");
  ASSERT_TRUE(credentials.has_value());
  EXPECT_EQ(credentials->user, "alice");
  EXPECT_EQ(credentials->password, "a:b");
  EXPECT_EQ(ParseBasicAuth("basic Og==")->user, "");
  for (const std::string_view bad : {"", "Basic", "Basic ", "Bearer YWxpY2U6YTpi", "Basic YWxpY2U",
                                     "Basic !!!!", "Basic YWxp", "Basic =", "Basic ===="}) {
    EXPECT_FALSE(ParseBasicAuth(bad).has_value()) << bad;
  }
}

TEST(PasswordCheckTest, TellsRightFromWrongAndRemembersOnlyRight) {
  // The published test vectors of bcrypt's reference implementation.
  PasswordCheck check({{"a", "$2a$05$CCCCCCCCCCCCCCCCCCCCC.E5YPO9kmyuRGyh0XouQYb4YMJKvyOeW"},
                       {"b", Hash("secret", "$2b$04$abcdefghijklmnopqrstuu")},
                       {"y", Hash("geheim", "$2y$04$abcdefghijklmnopqrstuu")}});
  EXPECT_TRUE(check.IsRight({"a", "U*U"}));
  EXPECT_TRUE(check.IsRight({"y", "geheim"}));
  EXPECT_FALSE(check.IsRemembered({"b", "secret"}));
  EXPECT_TRUE(check.IsRight({"b", "secret"}));
  EXPECT_TRUE(check.IsRemembered({"b", "secret"}));
  for (const Credentials& wrong :
       {Credentials{"b", "Secret"}, {"b", ""}, {"y", "secret"}, {"nobody", "secret"}, {"", ""}}) {
    EXPECT_FALSE(check.IsRight(wrong)) << wrong.user;
    EXPECT_FALSE(check.IsRemembered(wrong)) << wrong.user;
  }
}

TEST(PasswordCheckTest, AZeroByteDoesNotEndAPassword) {
  PasswordCheck check({{"u", Hash("secret", "$2b$04$abcdefghijklmnopqrstuu")}});
  EXPECT_FALSE(check.IsRight({"u", std::string("secret\0more", 11)}));
}

TEST(PasswordCheckTest, BytesAfterThe72ndDoNotCount) {
  const std::string password(72, 'p');
  PasswordCheck check({{"u", Hash(password, "$2b$04$abcdefghijklmnopqrstuu")}});
  EXPECT_TRUE(check.IsRight({"u", password + std::string(600, 'q')}));
  EXPECT_FALSE(check.IsRight({"u", password.substr(1)}));
}

TEST(PasswordCheckTest, MemoryIsBounded) {
  // Whatever follows is another right password.
  const std::string password(72, 'p');
  PasswordCheck check({{"u", Hash(password, "$2b$04$abcdefghijklmnopqrstuu")}}, 2);
  for (const std::string_view end : {"", "1", "2"}) {
    ASSERT_TRUE(check.IsRight({"u", base::Concat(password, end)}));
  }
  EXPECT_FALSE(check.IsRemembered({"u", password}));
  EXPECT_TRUE(check.IsRemembered({"u", base::Concat(password, "1")}));
  EXPECT_TRUE(check.IsRemembered({"u", base::Concat(password, "2")}));
}

}  // namespace
}  // namespace thanos::net
