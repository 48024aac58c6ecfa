#include "cache/remote_cache.h"

#include <functional>
#include <thread>

#include "base/strings.h"
#include "cache/fake_server.h"
#include "cache/internal/circuit_breaker.h"
#include "config/yaml.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace thanos::cache {
namespace {

using ::testing::HasSubstr;
using Mode = FakeServer::Mode;

constexpr base::Duration kTtl = std::chrono::hours(1);

bool Eventually(const std::function<bool()>& condition) {
  const auto deadline = base::SteadyNow() + std::chrono::seconds(10);
  while (!condition()) {
    if (base::SteadyNow() > deadline) {
      return false;
    }
    std::this_thread::yield();
  }
  return true;
}

// The rules every remote cache keeps.
class RemoteCacheTest : public ::testing::TestWithParam<FakeServer::Protocol> {
 protected:
  RemoteCacheTest() : server_(GetParam()) {}

  RemoteConfig Config() const {
    RemoteConfig config;
    config.kind =
        GetParam() == FakeServer::Protocol::kMemcached ? RemoteKind::kMemcached : RemoteKind::kRedis;
    config.addresses = {server_.address()};
    config.get_timeout = config.set_timeout = config.dial_timeout = std::chrono::seconds(10);
    return config;
  }
  std::unique_ptr<Cache> Open(const RemoteConfig& config) {
    auto cache = MakeRemoteCache("test", config, clock_, *metrics_);
    EXPECT_TRUE(cache.ok()) << cache.status();
    return *std::move(cache);
  }
  static void Put(Cache& cache, const std::string& key, std::string value) {
    cache.Store(key, base::SharedBytes::FromString(std::move(value)), kTtl);
  }
  static std::string Get(Cache& cache, const std::string& key) {
    const std::vector<std::string> keys = {key};
    const auto found = cache.Fetch({}, keys);
    const auto value = found.find(key);
    return value == found.end() ? "absent" : std::string(value->second.bytes);
  }

  FakeServer server_;
  const base::SystemClock clock_;
  const std::unique_ptr<telemetry::Registry> metrics_ = telemetry::Registry::Create();
};

TEST_P(RemoteCacheTest, KeepsValues) {
  const auto cache = Open(Config());
  const std::string binary("\0\r\nEND\r\n$5\r\n", 12);
  Put(*cache, "first", binary);
  Put(*cache, "second", "");
  Put(*cache, "large", std::string(300'000, 'x'));
  ASSERT_TRUE(Eventually([&] { return server_.num_items() == 3; }));
  const std::vector<std::string> keys = {"first", "absent", "second", "large"};
  auto found = cache->Fetch({}, keys);
  ASSERT_EQ(found.size(), 3U);
  EXPECT_EQ(found["first"].bytes, binary);
  EXPECT_EQ(found["second"].bytes, "");
  EXPECT_EQ(found["large"].bytes, std::string(300'000, 'x'));
  EXPECT_EQ(Get(*cache, "absent"), "absent");
}

TEST_P(RemoteCacheTest, ManyKeysTakeSeveralRequests) {
  RemoteConfig config = Config();
  config.get_batch_size = 10;
  const auto cache = Open(config);
  std::vector<std::string> keys;
  for (int i = 0; i < 95; ++i) {
    keys.push_back(base::Concat("key-", i));
    Put(*cache, keys.back(), base::Concat("value-", i));
  }
  ASSERT_TRUE(Eventually([&] { return server_.num_items() == 95; }));
  const size_t before = server_.num_requests();
  EXPECT_EQ(cache->Fetch({}, keys).size(), 95U);
  EXPECT_EQ(server_.num_requests() - before, 10U);
}

TEST_P(RemoteCacheTest, DamagedValuesAreAbsent) {
  const auto cache = Open(Config());
  Put(*cache, "key", "value");
  ASSERT_TRUE(Eventually([&] { return server_.num_items() == 1; }));
  server_.SetMode(Mode::kFlip);
  EXPECT_EQ(Get(*cache, "key"), "absent");
  server_.SetMode(Mode::kGood);
  EXPECT_EQ(Get(*cache, "key"), "value");
}

TEST_P(RemoteCacheTest, TroubleLooksLikeAbsenceAndPasses) {
  const auto cache = Open(Config());
  Put(*cache, "key", "value");
  ASSERT_TRUE(Eventually([&] { return server_.num_items() == 1; }));
  for (const Mode mode : {Mode::kClose, Mode::kCut, Mode::kNonsense}) {
    server_.SetMode(mode);
    EXPECT_EQ(Get(*cache, "key"), "absent");
    server_.SetMode(Mode::kGood);
    EXPECT_TRUE(Eventually([&] { return Get(*cache, "key") == "value"; }));
  }
}

TEST_P(RemoteCacheTest, RefusedItemsLeaveTheConnectionUsable) {
  const auto cache = Open(Config());
  server_.SetMode(Mode::kRefuse);
  Put(*cache, "refused", "value");
  ASSERT_TRUE(Eventually([&] { return server_.num_requests() > 0; }));
  server_.SetMode(Mode::kGood);
  Put(*cache, "key", "value");
  EXPECT_TRUE(Eventually([&] { return Get(*cache, "key") == "value"; }));
  EXPECT_EQ(Get(*cache, "refused"), "absent");
}

TEST_P(RemoteCacheTest, HangingServerIsLeftAlone) {
  RemoteConfig config = Config();
  config.get_timeout = std::chrono::milliseconds(50);
  const auto cache = Open(config);
  server_.SetMode(Mode::kHang);
  const base::TimePoint start = base::SteadyNow();
  for (int i = 0; i < 100; ++i) {
    EXPECT_EQ(Get(*cache, "key"), "absent");
  }
  // Three time-outs and then hardly any; 100 of them would take five seconds.
  EXPECT_LT(base::SteadyNow() - start, std::chrono::seconds(3));
}

TEST_P(RemoteCacheTest, CancellationWakesAWaitingFetch) {
  const auto cache = Open(Config());
  server_.SetMode(Mode::kHang);
  base::CancelSource source;
  std::thread canceller([&] {
    EXPECT_TRUE(Eventually([&] { return server_.num_requests() > 0; }));
    source.Cancel();
  });
  const std::vector<std::string> keys = {"key"};
  const base::TimePoint start = base::SteadyNow();
  EXPECT_TRUE(cache->Fetch(source.token(), keys).empty());
  EXPECT_LT(base::SteadyNow() - start, std::chrono::seconds(5));
  canceller.join();
}

TEST_P(RemoteCacheTest, DeadServerCostsNothing) {
  RemoteConfig config = Config();
  config.addresses = {"127.0.0.1:1"};
  const auto cache = Open(config);
  for (int i = 0; i < 1000; ++i) {
    Put(*cache, base::Concat("key-", i), "value");
    EXPECT_EQ(Get(*cache, base::Concat("key-", i)), "absent");
  }
}

TEST_P(RemoteCacheTest, DropsWhatIsTooLargeOrTooMuch) {
  RemoteConfig config = Config();
  config.max_item_bytes = 10;
  config.max_async_buffer_size = 5;
  config.max_async_concurrency = 1;
  const auto cache = Open(config);
  Put(*cache, "large", "12345678901");
  server_.SetMode(Mode::kHang);
  for (int i = 0; i < 1000; ++i) {
    Put(*cache, base::Concat("key-", i), "value");
  }
  const std::string exposed = metrics_->Expose();
  EXPECT_THAT(exposed, HasSubstr("reason=\"max-item-size\"} 1"));
  EXPECT_THAT(exposed, HasSubstr("reason=\"buffer-full\"} 9"));  // 900 and some
}

TEST_P(RemoteCacheTest, ConnectionsAreReused) {
  const auto cache = Open(Config());
  for (int i = 0; i < 50; ++i) {
    EXPECT_EQ(Get(*cache, "key"), "absent");
  }
  EXPECT_EQ(server_.num_connections(), 1U);
}

INSTANTIATE_TEST_SUITE_P(Protocols, RemoteCacheTest,
                         ::testing::Values(FakeServer::Protocol::kMemcached, FakeServer::Protocol::kRedis),
                         [](const auto& param_info) {
                           return param_info.param == FakeServer::Protocol::kMemcached ? "memcached"
                                                                                       : "redis";
                         });

TEST(MemcachedTest, SpreadsKeysOverServersAndLivesWithoutOne) {
  FakeServer first(FakeServer::Protocol::kMemcached);
  auto second = std::make_unique<FakeServer>(FakeServer::Protocol::kMemcached);
  RemoteConfig config;
  config.addresses = {first.address(), second->address()};
  const base::SystemClock clock;
  const auto metrics = telemetry::Registry::Create();
  const auto cache = *MakeRemoteCache("test", config, clock, *metrics);
  std::vector<std::string> keys;
  for (int i = 0; i < 100; ++i) {
    keys.push_back(base::Concat("key-", i));
    cache->Store(keys.back(), base::SharedBytes::FromString("value"), kTtl);
  }
  ASSERT_TRUE(Eventually([&] { return first.num_items() + second->num_items() == 100; }));
  EXPECT_GT(first.num_items(), 20U);
  EXPECT_GT(second->num_items(), 20U);
  EXPECT_EQ(cache->Fetch({}, keys).size(), 100U);
  second.reset();
  EXPECT_EQ(cache->Fetch({}, keys).size(), first.num_items());
}

TEST(RedisTest, AuthenticatesAndFindsTheMaster) {
  FakeServer server(FakeServer::Protocol::kRedis);
  RemoteConfig config;
  config.kind = RemoteKind::kRedis;
  config.addresses = {"127.0.0.1:1", server.address()};
  config.username = "user";
  config.password = "secret";
  config.database = 3;
  config.master_name = "main";
  const base::SystemClock clock;
  const auto metrics = telemetry::Registry::Create();
  const auto cache = *MakeRemoteCache("test", config, clock, *metrics);
  cache->Store("key", base::SharedBytes::FromString("value"), kTtl);
  EXPECT_TRUE(Eventually([&] { return server.num_items() == 1; }));

  config.password = "wrong";
  const auto refused = *MakeRemoteCache("refused", config, clock, *metrics);
  const std::vector<std::string> keys = {"key"};
  EXPECT_TRUE(refused->Fetch({}, keys).empty());
  EXPECT_EQ(cache->Fetch({}, keys).size(), 1U);
}

TEST(CircuitBreakerTest, OpensAndCloses) {
  internal::CircuitBreaker breaker({.enabled = true,
                                    .half_open_max_requests = 2,
                                    .open_duration = std::chrono::seconds(5),
                                    .consecutive_failures = 3});
  base::TimePoint now = base::SteadyNow();
  for (int i = 0; i < 3; ++i) {
    EXPECT_TRUE(breaker.Allow(now));
    breaker.Record(false, now);
  }
  EXPECT_FALSE(breaker.Allow(now + std::chrono::seconds(4)));
  now += std::chrono::seconds(5);
  EXPECT_TRUE(breaker.Allow(now));
  EXPECT_TRUE(breaker.Allow(now));
  EXPECT_FALSE(breaker.Allow(now)) << "half open";
  breaker.Record(true, now);
  breaker.Record(false, now);
  EXPECT_FALSE(breaker.Allow(now)) << "failed again";
  now += std::chrono::seconds(5);
  for (int i = 0; i < 2; ++i) {
    EXPECT_TRUE(breaker.Allow(now));
    breaker.Record(true, now);
  }
  for (int i = 0; i < 10; ++i) {
    EXPECT_TRUE(breaker.Allow(now)) << "closed";
  }
}

base::StatusOr<RemoteConfig> Parse(RemoteConfig (*read)(config::YamlMap&), std::string_view yaml) {
  TH_ASSIGN_OR_RETURN(const config::YamlNode root, config::ParseYaml(yaml));
  config::YamlMap keys(root);
  RemoteConfig config = read(keys);
  TH_RETURN_IF_ERROR(keys.Finish());
  TH_RETURN_IF_ERROR(Validate(config));
  return config;
}

TEST(RemoteConfigTest, ReadsMemcached) {
  const auto config = Parse(&ReadMemcachedConfig, R"(
addresses: [dns+cache:11211, other:11211]
timeout: 250ms
max_idle_connections: 7
max_async_concurrency: 3
max_async_buffer_size: 5
max_get_multi_concurrency: 4
max_get_multi_batch_size: 9
max_item_size: 2MiB
dns_provider_update_interval: 1m
set_async_circuit_breaker_config: {enabled: true, open_duration: 7s, failure_percent: 0.5}
)");
  ASSERT_TRUE(config.ok()) << config.status();
  EXPECT_EQ(config->addresses.size(), 2U);
  EXPECT_EQ(config->get_timeout, std::chrono::milliseconds(250));
  EXPECT_EQ(config->max_item_bytes, 2 << 20);
  EXPECT_TRUE(config->circuit_breaker.enabled);
  EXPECT_EQ(config->circuit_breaker.open_duration, std::chrono::seconds(7));
  EXPECT_FALSE(Parse(&ReadMemcachedConfig, "timeout: 1s").ok()) << "no addresses";
  EXPECT_FALSE(Parse(&ReadMemcachedConfig, "addresses: [a:1]\nunknown: 1").ok());
  EXPECT_FALSE(Parse(&ReadMemcachedConfig, "addresses: [a:1]\nmax_async_concurrency: 0").ok());
  EXPECT_FALSE(Parse(&ReadMemcachedConfig, "addresses: [dns+a]").ok()) << "no port";
  EXPECT_FALSE(Parse(&ReadMemcachedConfig, "addresses: [a:1]\nauto_discovery: true").ok());
}

TEST(RemoteConfigTest, ReadsRedis) {
  const auto config = Parse(&ReadRedisConfig, R"(
addr: "one:6379, two:6379"
username: u
password: p
db: 2
dial_timeout: 1s
tls_enabled: true
tls_config: {ca_file: /ca, server_name: cache, insecure_skip_verify: false}
cache_size: 100MiB
master_name: main
)");
  ASSERT_TRUE(config.ok()) << config.status();
  EXPECT_EQ(config->addresses, (std::vector<std::string>{"one:6379", "two:6379"}));
  EXPECT_EQ(config->database, 2);
  EXPECT_EQ(config->tls.server_name, "cache");
  EXPECT_EQ(config->get_timeout, std::chrono::seconds(3));
  EXPECT_FALSE(Parse(&ReadRedisConfig, "db: 1").ok());
  EXPECT_FALSE(Parse(&ReadRedisConfig, "addr: a:1\ntls_config: {cert_file: /c}").ok());
}

}  // namespace
}  // namespace thanos::cache
