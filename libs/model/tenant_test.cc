#include "model/tenant.h"

#include <gtest/gtest.h>
#include <string>

namespace thanos::model {
namespace {

TEST(TenantTest, NamesThatCouldMeanSomethingElseAreRefused) {
  for (const std::string& tenant :
       {std::string("team-a"), std::string("a.b"), std::string("t\xc3\xa9"), std::string("..."),
        std::string("a b"), std::string(kMaxTenantBytes, 'x')}) {
    EXPECT_TRUE(ValidateTenant(tenant).ok()) << tenant;
  }
  for (const std::string& tenant :
       {std::string(), std::string("."), std::string(".."), std::string("a/b"), std::string("a\\b"),
        std::string("-a"), std::string("a\nb"), std::string("a\0b", 3), std::string("\x7f"),
        std::string("\xff"), std::string(kMaxTenantBytes + 1, 'x')}) {
    EXPECT_EQ(ValidateTenant(tenant).code(), base::StatusCode::kInvalidArgument) << tenant;
  }
}

}  // namespace
}  // namespace thanos::model
