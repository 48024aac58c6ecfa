// Keys from all their places, with servers that hand out those of roles.

#include "objstore/internal/s3_credentials.h"

#include <atomic>
#include <fstream>
#include <future>
#include <map>
#include <thread>
#include <unistd.h>

#include "net/http_server.h"
#include "objstore/internal/s3_roles.h"
#include "objstore/s3_test_bucket.h"

namespace thanos::objstore {
namespace {

using internal::ChooseKeySource;
using internal::CredentialProvider;
using internal::Environment;
using internal::KeySource;
using internal::S3Config;
using internal::S3Credentials;
using internal::TemporaryKeys;
using ::testing::HasSubstr;
using ::testing::Not;

using Variables = std::map<std::string, std::string>;

Environment FakeEnvironment(Variables variables) {
  return [variables](const std::string& name) -> std::optional<std::string> {
    const auto found = variables.find(name);
    return found == variables.end() ? std::nullopt : std::optional(found->second);
  };
}

std::string FileWith(const std::string& name, std::string_view content) {
  const std::string path = base::Concat(::testing::TempDir(), "/", name, "-", getpid());
  std::ofstream(path, std::ios::binary) << content;
  return path;
}

// What the first fetch gives.
base::StatusOr<S3Credentials> Find(const S3Config& config, const Variables& variables) {
  TH_ASSIGN_OR_RETURN(const auto source, ChooseKeySource(config, FakeEnvironment(variables)));
  TH_ASSIGN_OR_RETURN(TemporaryKeys keys, source->Fetch({}));
  return keys.keys;
}

std::string Text(const base::Status& status) {
  return std::string(base::Message(status));
}

// Hands out keys as the STS, as a container's agent and as an instance's metadata service do.
class RoleServer {
 public:
  RoleServer() {
    net::HttpServerOptions options;
    options.address = "127.0.0.1:0";
    server_ = *net::HttpServer::Create(options);
    server_->AddRoute({{}, "/*", [this](const net::HttpRequest& request) {
                         ++num_requests;
                         if (hangs) {
                           request.cancel.SleepFor(std::chrono::minutes(1));
                         }
                         if (fails_with != 0) {
                           return net::HttpResponse::Text(fails_with, failure);
                         }
                         return Answer(request);
                       }});
    EXPECT_TRUE(server_->Start().ok());
  }
  ~RoleServer() { server_->Stop(std::chrono::milliseconds(1)); }
  std::string url() const { return base::Concat("http://127.0.0.1:", server_->port()); }

  std::atomic<int> num_requests = 0;
  std::atomic<int> num_keys = 0;
  std::atomic<bool> hangs = false;
  std::atomic<bool> token_hangs = false;
  std::atomic<int> fails_with = 0;
  std::string failure = "no";
  bool only_version_1 = false;
  std::string expiration = "2013-05-24T01:00:00Z";

 private:
  static constexpr std::string_view kRolePath = "/latest/meta-data/iam/security-credentials/";

  net::HttpResponse Answer(const net::HttpRequest& request) {
    const std::string number = base::Concat(num_keys + 1);
    if (request.path == "/latest/api/token") {
      return SessionToken(request);
    }
    if (request.path.starts_with(kRolePath)) {
      const std::string* token = request.Header("X-aws-ec2-metadata-token");
      if (!only_version_1 && !token_hangs && (token == nullptr || *token != "session")) {
        return net::HttpResponse::Text(401, "no token");
      }
      if (request.path == kRolePath) {
        return net::HttpResponse::Text(200, "my-role\n");
      }
      return request.path == base::Concat(kRolePath, "my-role") ? Keys() : net::HttpResponse::Text(404, "");
    }
    if (request.path == "/agent") {
      const std::string* token = request.Header("Authorization");
      return token != nullptr && *token == "agent-token" ? Keys()
                                                         : net::HttpResponse::Text(401, R"({"code":"x"})");
    }
    if (request.method != "POST" || request.path != "/") {
      return net::HttpResponse::Text(404, "");
    }
    return Assume(request);
  }
  net::HttpResponse SessionToken(const net::HttpRequest& request) {
    if (token_hangs) {
      request.cancel.SleepFor(std::chrono::minutes(1));
    }
    const bool is_right = request.method == "PUT" && !only_version_1 &&
                          request.Header("X-aws-ec2-metadata-token-ttl-seconds") != nullptr;
    return is_right ? net::HttpResponse::Text(200, "session") : net::HttpResponse::Text(404, "");
  }
  net::HttpResponse Keys() {
    const int number = ++num_keys;
    return net::HttpResponse::Text(
        200, base::Concat(R"({"Code" : "Success", "Type":"AWS-HMAC", "AccessKeyId":"role-access-)", number,
                          R"(","SecretAccessKey":"role\/secret+)", number, R"(","Token":"role-token-)",
                          number, R"(","Expiration":")", expiration, "\"}"));
  }
  net::HttpResponse Assume(const net::HttpRequest& request) {
    const auto is = [&](std::string_view name, std::string_view value) {
      const std::string* got = request.Parameter(name);
      return got != nullptr && *got == value;
    };
    if (!is("Action", "AssumeRoleWithWebIdentity") || !is("Version", "2011-06-15") ||
        !is("WebIdentityToken", "pod-token+/=") || !is("RoleArn", "arn:aws:iam::1:role/r") ||
        request.Parameter("RoleSessionName") == nullptr) {
      return net::HttpResponse::Text(400,
                                     "<ErrorResponse><Error><Code>InvalidIdentityToken</Code><Message>not "
                                     "ours</Message></Error></ErrorResponse>");
    }
    const int number = ++num_keys;
    return net::HttpResponse::Text(
        200,
        base::Concat(
            "<AssumeRoleWithWebIdentityResponse xmlns=\"https://sts.amazonaws.com/doc/2011-06-15/\">",
            "<AssumeRoleWithWebIdentityResult><Credentials><AccessKeyId>role-access-", number,
            "</AccessKeyId><SecretAccessKey>role/secret+", number,
            "</SecretAccessKey><SessionToken>role-token-", number, "</SessionToken><Expiration>", expiration,
            "</Expiration></Credentials></AssumeRoleWithWebIdentityResult>"
            "</AssumeRoleWithWebIdentityResponse>"));
  }
  std::unique_ptr<net::HttpServer> server_;
};

Variables WebIdentity() {
  return {{"AWS_WEB_IDENTITY_TOKEN_FILE", FileWith("s3-web-identity", "pod-token+/=\n")},
          {"AWS_ROLE_ARN", "arn:aws:iam::1:role/r"}};
}

TEST(S3CredentialsTest, PrefersConfigurationThenEnvironmentThenFile) {
  const std::string file =
      FileWith("s3-credentials",
               "[other]\naws_access_key_id=o\naws_secret_access_key=o\n"
               "# comment\n[default]\naws_access_key_id = fa\naws_secret_access_key = f=s\n"
               "aws_session_token = ft\n[run]\ncredential_process = /bin/sh\n");
  const Variables with_file = {{"AWS_SHARED_CREDENTIALS_FILE", file}};
  auto with_keys = with_file;
  with_keys.insert(
      {{"AWS_ACCESS_KEY_ID", "ea"}, {"AWS_SECRET_ACCESS_KEY", "es"}, {"AWS_SESSION_TOKEN", "et"}});
  auto with_profile = with_file;
  with_profile["AWS_PROFILE"] = "other";
  auto with_process = with_file;
  with_process["AWS_PROFILE"] = "run";

  const S3Config configured{.credentials = {"ca", "cs", "ct"}};
  EXPECT_EQ(Find(configured, with_keys)->access_key, "ca");
  EXPECT_EQ(Find({}, with_keys)->session_token, "et");
  EXPECT_EQ(Find({}, with_file)->secret_key, "f=s");
  EXPECT_EQ(Find({}, with_file)->session_token, "ft");
  EXPECT_EQ(Find({}, with_profile)->access_key, "o");
  EXPECT_THAT(Text(Find({}, with_process).status()), HasSubstr("credential_process"));
}

TEST(S3CredentialsTest, SaysWhatIsMissing) {
  const auto keys = Find({}, {{"AWS_ACCESS_KEY_ID", "only-half"}, {"AWS_EC2_METADATA_DISABLED", "true"}});
  ASSERT_EQ(keys.status().code(), base::StatusCode::kFailedPrecondition);
  EXPECT_THAT(Text(keys.status()), HasSubstr("AWS_SECRET_ACCESS_KEY"));
  EXPECT_THAT(Text(keys.status()), HasSubstr("AWS_WEB_IDENTITY_TOKEN_FILE"));
  EXPECT_THAT(Text(keys.status()), Not(HasSubstr("only-half")));
}

TEST(S3CredentialsTest, TheFileComesBeforeAWebIdentityUnlessTheSdkIsAskedFor) {
  RoleServer server;
  Variables variables = WebIdentity();
  variables["AWS_SHARED_CREDENTIALS_FILE"] =
      FileWith("s3-credentials-and-identity", "[default]\naws_access_key_id=fa\naws_secret_access_key=fs\n");
  EXPECT_EQ(Find({.sts_endpoint = server.url()}, variables)->access_key, "fa");
  EXPECT_EQ(Find({.aws_sdk_auth = true, .sts_endpoint = server.url()}, variables)->access_key,
            "role-access-1");
  variables["AWS_ENDPOINT_URL_STS"] = server.url();
  EXPECT_EQ(Find({.aws_sdk_auth = true}, variables)->access_key, "role-access-2");
}

TEST(S3CredentialsTest, AssumesTheRoleOfAWebIdentity) {
  RoleServer server;
  const auto keys = Find({.sts_endpoint = server.url() + "/"}, WebIdentity());
  ASSERT_TRUE(keys.ok()) << keys.status();
  EXPECT_EQ(keys->access_key, "role-access-1");
  EXPECT_EQ(keys->secret_key, "role/secret+1");
  EXPECT_EQ(keys->session_token, "role-token-1");
  // The token is read each time.
  Variables variables = WebIdentity();
  FileWith("s3-web-identity", "another");
  const base::Status refused = Find({.sts_endpoint = server.url()}, variables).status();
  EXPECT_EQ(refused.code(), base::StatusCode::kPermissionDenied);
  EXPECT_THAT(Text(refused), HasSubstr("InvalidIdentityToken: not ours"));
  server.fails_with = 503;
  EXPECT_EQ(Find({.sts_endpoint = server.url()}, variables).status().code(), base::StatusCode::kUnavailable);
  variables["AWS_WEB_IDENTITY_TOKEN_FILE"] = "/absent";
  EXPECT_EQ(Find({.sts_endpoint = server.url()}, variables).status().code(), base::StatusCode::kNotFound);
}

TEST(S3CredentialsTest, AsksTheContainersAgent) {
  RoleServer server;
  Variables variables = {{"AWS_CONTAINER_CREDENTIALS_FULL_URI", server.url() + "/agent"},
                         {"AWS_CONTAINER_AUTHORIZATION_TOKEN", "agent-token"}};
  EXPECT_EQ(Find({}, variables)->secret_key, "role/secret+1");
  variables["AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE"] = FileWith("s3-agent-token", "agent-token\n");
  variables["AWS_CONTAINER_AUTHORIZATION_TOKEN"] = "old";
  EXPECT_EQ(Find({}, variables)->access_key, "role-access-2");
  FileWith("s3-agent-token", "wrong");
  EXPECT_EQ(Find({}, variables).status().code(), base::StatusCode::kPermissionDenied);
  for (const char* url : {"http://example.com/agent", "http://169.254.169.254/", "ftp://127.0.0.1/", "x"}) {
    const Variables elsewhere = {{"AWS_CONTAINER_CREDENTIALS_FULL_URI", url}};
    const auto source = ChooseKeySource({}, FakeEnvironment(elsewhere));
    EXPECT_EQ(source.status().code(), base::StatusCode::kInvalidArgument) << url;
  }
}

TEST(S3CredentialsTest, AsksTheInstancesMetadataService) {
  RoleServer server;
  const Variables variables = {{"AWS_EC2_METADATA_SERVICE_ENDPOINT", server.url() + "/"}};
  const auto keys = Find({}, variables);
  ASSERT_TRUE(keys.ok()) << keys.status();
  EXPECT_EQ(keys->access_key, "role-access-1");
  EXPECT_EQ(keys->secret_key, "role/secret+1");
  EXPECT_EQ(Find({.sts_endpoint = server.url()}, {})->access_key, "role-access-2");
  server.only_version_1 = true;
  EXPECT_EQ(Find({}, variables)->access_key, "role-access-3");
  Variables strict = variables;
  strict["AWS_EC2_METADATA_V1_DISABLED"] = "true";
  EXPECT_FALSE(Find({}, strict).ok());
  server.fails_with = 404;
  EXPECT_THAT(Text(Find({}, variables).status()), HasSubstr("the instance has no role"));
  server.fails_with = 500;
  EXPECT_EQ(Find({}, variables).status().code(), base::StatusCode::kUnavailable);
}

TEST(S3CredentialsTest, ATokenThatDoesNotComeIsNotWaitedForLong) {
  RoleServer server;
  server.token_hangs = true;
  const auto source =
      internal::MakeInstanceRole({.endpoint = server.url(), .token_timeout = std::chrono::milliseconds(50)});
  EXPECT_EQ(source->Fetch({})->keys.access_key, "role-access-1");
  const auto strict = internal::MakeInstanceRole(
      {.endpoint = server.url(), .allows_version_1 = false, .token_timeout = std::chrono::milliseconds(50)});
  EXPECT_EQ(strict->Fetch({}).status().code(), base::StatusCode::kUnavailable);
  server.hangs = true;
  const base::CancelSource limited({}, std::chrono::milliseconds(100));
  EXPECT_EQ(source->Fetch(limited.token()).status().code(), base::StatusCode::kDeadlineExceeded);
}

TEST(S3CredentialsTest, RefusesDamagedAnswers) {
  constexpr std::string_view kGood =
      R"({"AccessKeyId":"a","SecretAccessKey":"s","Token":"t","Expiration":"2013-05-24T01:00:00Z"})";
  EXPECT_TRUE(internal::ParseRoleAnswer(200, kGood).ok());
  for (const std::string_view bad : {"", "{", "[]", R"({"AccessKeyId":"a"})",
                                     R"({"AccessKeyId":"a","SecretAccessKey":"s","Expiration":"x"})"}) {
    EXPECT_EQ(internal::ParseRoleAnswer(200, bad).status().code(), base::StatusCode::kDataLoss) << bad;
  }
  EXPECT_THAT(Text(internal::ParseRoleAnswer(200, R"({"Code":"AssumeRoleUnauthorizedAccess","Message":"m"})")
                       .status()),
              HasSubstr("AssumeRoleUnauthorizedAccess: m"));
  for (const std::string_view bad :
       {"", "<a>", "<a/>", "<A><AssumeRoleWithWebIdentityResult/></A>",
        "<A><AssumeRoleWithWebIdentityResult><Credentials/></AssumeRoleWithWebIdentityResult></A>"}) {
    EXPECT_EQ(internal::ParseStsAnswer(200, bad).status().code(), base::StatusCode::kDataLoss) << bad;
  }
  EXPECT_EQ(internal::ParseStsAnswer(403, "<html>").status().code(), base::StatusCode::kPermissionDenied);
  EXPECT_EQ(internal::ParseStsAnswer(429, "").status().code(), base::StatusCode::kUnavailable);
}

// Counts, and answers as the test says.
class ScriptedSource final : public KeySource {
 public:
  std::string_view name() const override { return "the test"; }
  base::StatusOr<TemporaryKeys> Fetch(const base::CancelToken& cancel) override {
    ++num_fetches;
    while (blocks && !cancel.cancelled()) {
      std::this_thread::yield();
    }
    TH_RETURN_IF_ERROR(cancel.status());
    if (fails) {
      return base::Unavailable("asked for by the test");
    }
    return TemporaryKeys{{base::Concat("access-", num_fetches.load()), "secret", ""}, expires_at_ms};
  }
  std::atomic<int> num_fetches = 0;
  std::atomic<bool> blocks = false;
  std::atomic<bool> fails = false;
  std::atomic<int64_t> expires_at_ms = 0;
};

class CredentialProviderTest : public ::testing::Test {
 protected:
  static constexpr int64_t kHourMs = 3'600'000;
  CredentialProviderTest() { source_->expires_at_ms = kHourMs; }
  std::string Get() {
    const auto keys = provider_.Get({});
    return keys.ok() ? (*keys)->access_key : Text(keys.status());
  }
  base::FakeClock clock_{0};
  ScriptedSource* const source_ = new ScriptedSource();  // the provider's
  CredentialProvider provider_{std::unique_ptr<KeySource>(source_), clock_};
};

TEST_F(CredentialProviderTest, RenewsInTheLastFifth) {
  EXPECT_EQ(Get(), "access-1");
  clock_.Set(kHourMs * 4 / 5 - 1);
  EXPECT_EQ(Get(), "access-1");
  clock_.Set(kHourMs * 4 / 5);
  source_->expires_at_ms = 2 * kHourMs;
  EXPECT_EQ(Get(), "access-2");
  EXPECT_EQ(Get(), "access-2");
}

TEST_F(CredentialProviderTest, OldKeysServeWhileRenewalFails) {
  EXPECT_EQ(Get(), "access-1");
  source_->fails = true;
  clock_.Set(kHourMs * 9 / 10);
  EXPECT_EQ(Get(), "access-1");
  EXPECT_EQ(Get(), "access-1");
  EXPECT_EQ(source_->num_fetches, 2);  // not for each request
  clock_.Advance(10'000);
  EXPECT_EQ(Get(), "access-1");
  EXPECT_EQ(source_->num_fetches, 3);
  clock_.Set(kHourMs);
  EXPECT_THAT(Get(), HasSubstr("S3 credentials from the test: asked for by the test"));
  source_->fails = false;
  source_->expires_at_ms = 2 * kHourMs;
  EXPECT_EQ(Get(), "access-5");
}

TEST_F(CredentialProviderTest, KeysThatCameTooLateAreTriedAllTheSame) {
  clock_.Set(2 * kHourMs);
  EXPECT_EQ(Get(), "access-1");
  EXPECT_EQ(Get(), "access-1");
  clock_.Advance(30'000);
  EXPECT_EQ(Get(), "access-2");
}

TEST_F(CredentialProviderTest, OneFetchesForAll) {
  source_->blocks = true;
  std::vector<std::future<std::string>> waiting;
  for (int i = 0; i < 8; ++i) {
    waiting.push_back(std::async(std::launch::async, [this] { return Get(); }));
  }
  while (source_->num_fetches == 0) {
    std::this_thread::yield();
  }
  const base::CancelSource limited({}, std::chrono::milliseconds(20));
  EXPECT_EQ(provider_.Get(limited.token()).status().code(), base::StatusCode::kDeadlineExceeded);
  base::CancelSource left;
  auto leaves = std::async(std::launch::async, [&] { return provider_.Get(left.token()).status().code(); });
  left.Cancel();
  EXPECT_EQ(leaves.get(), base::StatusCode::kCancelled);
  source_->blocks = false;
  for (auto& each : waiting) {
    EXPECT_EQ(each.get(), "access-1");
  }
  EXPECT_EQ(source_->num_fetches, 1);
}

TEST_F(CredentialProviderTest, AnotherTakesOverFromACallerThatLeaves) {
  source_->blocks = true;
  base::CancelSource left;
  auto first = std::async(std::launch::async, [&] { return provider_.Get(left.token()).status().code(); });
  while (source_->num_fetches == 0) {
    std::this_thread::yield();
  }
  auto second = std::async(std::launch::async, [this] { return Get(); });
  left.Cancel();
  EXPECT_EQ(first.get(), base::StatusCode::kCancelled);
  source_->blocks = false;
  EXPECT_EQ(second.get(), "access-2");
}

class S3RoleTest : public S3TestBucket {
 protected:
  void StartWithRole() {
    Start({.access_key = "role-access-1", .secret_key = "role/secret+1", .session_token = "role-token-1"}, {},
          FakeEnvironment({{"AWS_EC2_METADATA_SERVICE_ENDPOINT", server_.url()}}));
    fake_->PutObject("object", "content");
  }
  RoleServer server_;
};

TEST_F(S3RoleTest, SignsWithTheKeysOfTheRole) {
  server_.expiration = "2999-01-01T00:00:00Z";
  StartWithRole();
  EXPECT_EQ(bucket_->Get({}, "object")->bytes, "content");
  EXPECT_EQ(bucket_->Get({}, "object")->bytes, "content");
  EXPECT_EQ(server_.num_keys, 1);
  EXPECT_THAT(fake_->refusals(), ::testing::ElementsAre());
}

TEST_F(S3RoleTest, FetchesOthersWhenAServerRefusesTheKeys) {
  server_.expiration = "2999-01-01T00:00:00Z";
  StartWithRole();
  EXPECT_EQ(bucket_->Get({}, "object")->bytes, "content");
  fake_->ReplaceKeys("role-access-2", "role/secret+2", "role-token-2");
  EXPECT_EQ(bucket_->Get({}, "object")->bytes, "content");
  EXPECT_THAT(fake_->refusals(), ::testing::ElementsAre("ExpiredToken"));
  EXPECT_EQ(server_.num_keys, 2);
}

TEST_F(S3RoleTest, HealsWhenTheServiceDoes) {
  server_.expiration = "2999-01-01T00:00:00Z";
  server_.fails_with = 503;
  StartWithRole();
  const base::Status status = bucket_->Get({}, "object").status();
  EXPECT_EQ(status.code(), base::StatusCode::kUnavailable);
  EXPECT_THAT(Text(status), HasSubstr("metadata service"));
  EXPECT_THAT(Text(status), HasSubstr("attempts"));
  server_.fails_with = 0;
  EXPECT_EQ(bucket_->Get({}, "object")->bytes, "content");
}

}  // namespace
}  // namespace thanos::objstore
