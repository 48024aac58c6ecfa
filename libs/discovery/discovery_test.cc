#include <filesystem>
#include <fstream>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <string>
#include <string_view>
#include <unistd.h>

#include "discovery/dns_message.h"
#include "discovery/endpoint_config.h"
#include "discovery/fake_resolver.h"
#include "discovery/provider.h"

namespace thanos::discovery {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;

const base::CancelToken kNever;

TEST(ParseAddressTest, KnowsThePrefixes) {
  struct Case {
    std::string_view text;
    LookupKind kind;
    std::string_view host;
    std::string_view port;
  };
  for (const Case& test_case :
       {Case{"store:10901", LookupKind::kNone, "store:10901", ""},
        Case{"dns+store:10901", LookupKind::kHost, "store", "10901"},
        Case{"dns+[::1]:10901", LookupKind::kHost, "::1", "10901"},
        Case{"dnssrv+_grpc._tcp.store", LookupKind::kSrv, "_grpc._tcp.store", ""},
        Case{"dnssrv+_grpc._tcp.store:9", LookupKind::kSrv, "_grpc._tcp.store", "9"},
        Case{"dnssrvnoa+_grpc._tcp.store", LookupKind::kSrvNoAddress, "_grpc._tcp.store", ""}}) {
    const auto address = ParseAddress(test_case.text);
    ASSERT_TRUE(address.ok()) << test_case.text << ": " << address.status();
    EXPECT_EQ(address->kind, test_case.kind) << test_case.text;
    EXPECT_EQ(address->host, test_case.host) << test_case.text;
    EXPECT_EQ(address->port, test_case.port) << test_case.text;
  }
  for (const std::string_view text : {"", "dns+store", "dns+:1", "dnssrv+", "consul+x:1"}) {
    EXPECT_EQ(ParseAddress(text).status().code(), base::StatusCode::kInvalidArgument) << text;
  }
}

TEST(ProviderTest, ResolvesEveryKind) {
  FakeResolver resolver;
  resolver.hosts["store"] = {"10.0.0.1", "10.0.0.2", "fd00::1"};
  resolver.hosts["a.store"] = {"10.0.1.1"};
  resolver.services["_grpc._tcp.store"] = {{"a.store", 7}};
  Provider provider(resolver, telemetry::NullRegistry(), "x_");
  EXPECT_TRUE(provider.Resolve(kNever, {"fixed:1", "dns+store:2", "dnssrv+_grpc._tcp.store"}).ok());
  EXPECT_THAT(provider.Addresses(),
              ElementsAre("10.0.0.1:2", "10.0.0.2:2", "10.0.1.1:7", "[fd00::1]:2", "fixed:1"));
  EXPECT_TRUE(provider.Resolve(kNever, {"dnssrvnoa+_grpc._tcp.store", "dnssrvnoa+_grpc._tcp.store:9"}).ok());
  EXPECT_THAT(provider.Addresses(), ElementsAre("a.store:7", "a.store:9"));
}

TEST(ProviderTest, KeepsTheLastAnswerOnFailure) {
  FakeResolver resolver;
  resolver.hosts["store"] = {"10.0.0.1"};
  Provider provider(resolver, telemetry::NullRegistry(), "x_");
  EXPECT_TRUE(provider.Resolve(kNever, {"dns+store:2"}).ok());
  resolver.hosts.clear();
  EXPECT_EQ(provider.Resolve(kNever, {"dns+store:2", "dns+other:2"}).code(), base::StatusCode::kNotFound);
  EXPECT_THAT(provider.Addresses(), ElementsAre("10.0.0.1:2"));
  EXPECT_TRUE(provider.Resolve(kNever, {}).ok());
  EXPECT_THAT(provider.Addresses(), IsEmpty());
}

// Never answers for one name.
class SilentResolver final : public Resolver {
 public:
  base::StatusOr<std::vector<std::string>> LookupHost(const base::CancelToken& cancel,
                                                      const std::string& host) override {
    if (host == "silent") {
      cancel.SleepFor(std::chrono::seconds(30));
      return base::DeadlineExceeded("looking up ", host);
    }
    TH_RETURN_IF_ERROR(cancel.status());
    return std::vector<std::string>{"10.0.0.1"};
  }
  base::StatusOr<std::vector<SrvRecord>> LookupSrv(const base::CancelToken&, const std::string&) override {
    return base::NotFound("none");
  }
};

TEST(ProviderTest, ASilentNameServerDoesNotStarveTheNamesBehindIt) {
  SilentResolver resolver;
  Provider provider(resolver, telemetry::NullRegistry(), "x_");
  const base::CancelSource deadline(kNever, std::chrono::milliseconds(600));
  EXPECT_FALSE(provider.Resolve(deadline.token(), {"dns+silent:1", "dns+store:2", "c:3"}).ok());
  EXPECT_THAT(provider.Addresses(), ElementsAre("10.0.0.1:2", "c:3"));
  EXPECT_THAT(provider.AddressesOf("dns+store:2"), ElementsAre("10.0.0.1:2"));
  EXPECT_THAT(provider.AddressesOf("dns+silent:1"), IsEmpty());
}

TEST(SystemResolverTest, ResolvesAddressesToThemselves) {
  const auto resolver = MakeSystemResolver();
  const auto addresses = resolver->LookupHost(kNever, "127.0.0.1");
  ASSERT_TRUE(addresses.ok()) << addresses.status();
  EXPECT_THAT(*addresses, ElementsAre("127.0.0.1"));
  base::CancelSource cancelled;
  cancelled.Cancel();
  EXPECT_FALSE(resolver->LookupSrv(cancelled.token(), "_x._tcp.invalid").ok());
}

// Two SRV answers, the names compressed, between them a TXT record.
std::string SrvMessage() {
  std::string message("\x12\x34\x81\x80\x00\x01\x00\x03\x00\x00\x00\x00", 12);
  message.append("\x05_grpc\x04_tcp\x05store\x00\x00\x21\x00\x01", 22);  // name at offset 12, "store" at 23
  message.append("\xc0\x0c\x00\x21\x00\x01\x00\x00\x00\x05\x00\x0a\x00\x01\x00\x02\x2a\x95\x01g\xc0\x17", 22);
  message.append("\xc0\x0c\x00\x10\x00\x01\x00\x00\x00\x05\x00\x02\x01t", 14);
  message.append("\xc0\x0c\x00\x21\x00\x01\x00\x00\x00\x05\x00\x0a\x00\x01\x00\x02\x2a\x96\x01h\xc0\x17", 22);
  return message;
}

TEST(ParseSrvAnswerTest, ReadsCompressedNames) {
  const auto records = ParseSrvAnswer(SrvMessage());
  ASSERT_TRUE(records.ok()) << records.status();
  EXPECT_THAT(*records, ElementsAre(SrvRecord{"g.store", 10901}, SrvRecord{"h.store", 10902}));
}

TEST(ParseSrvAnswerTest, DamageNeverCrashesAndLoopsEnd) {
  const std::string message = SrvMessage();
  for (size_t i = 0; i < message.size(); ++i) {
    EXPECT_FALSE(ParseSrvAnswer(message.substr(0, i)).ok()) << i;
    for (int bit = 0; bit < 8; ++bit) {
      std::string flipped = message;
      flipped[i] = static_cast<char>(flipped[i] ^ (1 << bit));
      ParseSrvAnswer(flipped).status().IgnoreError();
    }
  }
  std::string loop = message;
  loop[12] = '\xc0';
  loop[13] = '\x0c';
  EXPECT_EQ(ParseSrvAnswer(loop).status().code(), base::StatusCode::kDataLoss);
}

TEST(EndpointConfigTest, ReadsEntriesStrictly) {
  const auto endpoints = ParseEndpointConfig(
      "endpoints:\n- address: a:1\n- {address: b:2, strict: true}\n- {address: 'dns+c:3'}\n"
      "- {address: d:4, group: true, service_config: '{}'}\n");
  ASSERT_TRUE(endpoints.ok()) << endpoints.status();
  EXPECT_THAT(*endpoints, ElementsAre(ConfiguredEndpoint{"a:1", false, false, ""},
                                      ConfiguredEndpoint{"b:2", true, false, ""},
                                      ConfiguredEndpoint{"dns+c:3", false, false, ""},
                                      ConfiguredEndpoint{"d:4", false, true, "{}"}));
  for (const std::string_view text :
       {"endpoints: [{address: 'dns+c:3', strict: true}]", "endpoints: [{adress: a:1}]", "endpoints: [{}]",
        "endpoints: [{address: a:1, service_config: x}]", "endpoints: ["}) {
    EXPECT_EQ(ParseEndpointConfig(text).status().code(), base::StatusCode::kInvalidArgument) << text;
  }
}

TEST(TargetFilesTest, KeepsTheLastGoodContentOfEachFile) {
  const std::filesystem::path directory =
      std::filesystem::path(testing::TempDir()) / base::Concat("sd-", getpid());
  std::filesystem::create_directories(directory);
  const auto write = [&](const char* name, std::string_view text) {
    std::ofstream(directory / name) << text;
  };
  write("a.json", R"([{"targets": ["b:1", "a:1"], "labels": {"x": "y"}}])");
  write("b.yml", "- targets: ['dns+c:1']\n");
  TargetFiles files({(directory / "*.json").string(), (directory / "*.yml").string()});
  EXPECT_TRUE(files.Read().ok());
  EXPECT_THAT(files.Targets(), ElementsAre("a:1", "b:1", "dns+c:1"));
  write("a.json", "");
  EXPECT_FALSE(files.Read().ok());
  write("a.json", "{broken");
  EXPECT_FALSE(files.Read().ok());
  EXPECT_THAT(files.Targets(), ElementsAre("a:1", "b:1", "dns+c:1"));
  std::filesystem::remove(directory / "b.yml");
  write("a.json", "[]");
  EXPECT_TRUE(files.Read().ok());
  EXPECT_THAT(files.Targets(), IsEmpty());
  std::filesystem::remove_all(directory);
}

}  // namespace
}  // namespace thanos::discovery
