#include "cache/remote_config.h"

#include "base/strings.h"
#include "discovery/provider.h"

namespace thanos::cache {
namespace {

constexpr int64_t kMaxItemBytes = int64_t{1} << 20;
constexpr int64_t kMaxDatabase = 1 << 20;

void ReadCircuitBreaker(config::YamlMap& keys, CircuitBreakerConfig* breaker) {
  keys.ReadMap("set_async_circuit_breaker_config", [&](config::YamlMap& map) {
    map.Read("enabled", &breaker->enabled);
    map.Read("half_open_max_requests", &breaker->half_open_max_requests);
    map.Read("open_duration", &breaker->open_duration);
    map.Read("min_requests", &breaker->min_requests);
    map.Read("consecutive_failures", &breaker->consecutive_failures);
    map.Read("failure_percent", &breaker->failure_percent);
  });
}

}  // namespace

RemoteConfig ReadMemcachedConfig(config::YamlMap& keys) {
  RemoteConfig remote;
  remote.kind = RemoteKind::kMemcached;
  config::ByteSize max_item_size{kMaxItemBytes};
  keys.Read("addresses", &remote.addresses);
  keys.Read("timeout", &remote.get_timeout);
  remote.dial_timeout = remote.get_timeout;
  remote.set_timeout = remote.get_timeout;
  keys.Read("max_idle_connections", &remote.max_idle_connections);
  keys.Read("max_async_concurrency", &remote.max_async_concurrency);
  keys.Read("max_async_buffer_size", &remote.max_async_buffer_size);
  keys.Read("max_get_multi_concurrency", &remote.max_get_concurrency);
  keys.Read("max_item_size", &max_item_size);
  keys.Read("max_get_multi_batch_size", &remote.get_batch_size);
  keys.Read("dns_provider_update_interval", &remote.dns_update_interval);
  bool auto_discovery = false;
  keys.Read("auto_discovery", &auto_discovery);
  if (auto_discovery) {
    keys.Fail("auto_discovery", "is not supported: list the servers, or name them with dns+ or dnssrv+");
  }
  ReadCircuitBreaker(keys, &remote.circuit_breaker);
  remote.max_item_bytes = max_item_size.value;
  return remote;
}

RemoteConfig ReadRedisConfig(config::YamlMap& keys) {
  RemoteConfig remote;
  remote.kind = RemoteKind::kRedis;
  remote.dial_timeout = std::chrono::seconds(5);
  remote.get_timeout = std::chrono::seconds(3);
  remote.set_timeout = std::chrono::seconds(3);
  remote.get_batch_size = 100;
  remote.set_batch_size = 100;
  std::string addresses;
  int64_t max_set_concurrency = 100;  // the number of threads that store is max_async_concurrency
  config::ByteSize cache_size{};      // of a client-side copy, which is not kept
  keys.Read("addr", &addresses);
  keys.Read("username", &remote.username);
  keys.Read("password", &remote.password);
  keys.Read("db", &remote.database);
  keys.Read("dial_timeout", &remote.dial_timeout);
  keys.Read("read_timeout", &remote.get_timeout);
  keys.Read("write_timeout", &remote.set_timeout);
  keys.Read("max_get_multi_concurrency", &remote.max_get_concurrency);
  keys.Read("get_multi_batch_size", &remote.get_batch_size);
  keys.Read("max_set_multi_concurrency", &max_set_concurrency);
  keys.Read("set_multi_batch_size", &remote.set_batch_size);
  keys.Read("tls_enabled", &remote.tls.enabled);
  keys.ReadMap("tls_config", [&](config::YamlMap& tls) {
    tls.Read("ca_file", &remote.tls.ca_file);
    tls.Read("cert_file", &remote.tls.cert_file);
    tls.Read("key_file", &remote.tls.key_file);
    tls.Read("server_name", &remote.tls.server_name);
    tls.Read("insecure_skip_verify", &remote.tls.insecure_skip_verify);
  });
  keys.Read("cache_size", &cache_size);
  keys.Read("master_name", &remote.master_name);
  keys.Read("max_async_buffer_size", &remote.max_async_buffer_size);
  keys.Read("max_async_concurrency", &remote.max_async_concurrency);
  ReadCircuitBreaker(keys, &remote.circuit_breaker);
  for (const std::string_view address : base::Split(addresses, ',')) {
    if (const std::string_view trimmed = base::Trim(address); !trimmed.empty()) {
      remote.addresses.emplace_back(trimmed);
    }
  }
  return remote;
}

base::Status Validate(const RemoteConfig& config) {
  if (config.addresses.empty()) {
    return base::InvalidArgument(config.kind == RemoteKind::kMemcached ? "no memcached addresses provided"
                                                                       : "no redis addr provided");
  }
  for (const std::string& address : config.addresses) {
    TH_RETURN_IF_ERROR(discovery::ParseAddress(address).status());
  }
  if (config.max_async_concurrency < 1) {
    return base::InvalidArgument("max async concurrency must be positive");
  }
  if (config.max_get_concurrency < 0 || config.max_async_buffer_size < 0 || config.get_batch_size < 0 ||
      config.set_batch_size < 0 || config.max_item_bytes < 0) {
    return base::InvalidArgument("sizes and concurrencies of a cache cannot be negative");
  }
  if (config.database < 0 || config.database > kMaxDatabase) {
    return base::InvalidArgument("db ", config.database, " is out of range");
  }
  if (config.tls.cert_file.empty() != config.tls.key_file.empty()) {
    return base::InvalidArgument("both client key and certificate must be provided");
  }
  const CircuitBreakerConfig& breaker = config.circuit_breaker;
  if (breaker.enabled && (breaker.consecutive_failures < 1 || breaker.half_open_max_requests < 1 ||
                          breaker.failure_percent <= 0 || breaker.failure_percent > 1)) {
    return base::InvalidArgument(
        "circuit breaker: consecutive failures and half open requests must be positive, failure percent "
        "within (0, 1]");
  }
  return base::OkStatus();
}

}  // namespace thanos::cache
