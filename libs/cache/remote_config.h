#pragma once

// Caches on other machines, as the `config` part of index cache, caching bucket and response cache
// configurations describes them.

#include <cstdint>
#include <string>
#include <vector>

#include "base/clock.h"
#include "base/status.h"
#include "config/yaml.h"

namespace thanos::cache {

enum class RemoteKind { kMemcached, kRedis };

// When stores are left out because too many of them failed.
struct CircuitBreakerConfig {
  bool enabled = false;
  int64_t half_open_max_requests = 10;  // tried, after `open_duration`, to find out whether it works again
  base::Duration open_duration = std::chrono::seconds(5);
  int64_t min_requests = 50;  // before failure_percent counts
  int64_t consecutive_failures = 5;
  double failure_percent = 0.05;
};

struct RemoteTlsConfig {
  bool enabled = false;
  std::string ca_file;  // empty: the system's
  std::string cert_file;
  std::string key_file;
  std::string server_name;  // empty: the host dialled
  bool insecure_skip_verify = false;
};

struct RemoteConfig {
  RemoteKind kind = RemoteKind::kMemcached;
  // In Thanos' notation, `dns+host:port` and so on. Keys are spread over Memcached servers; of several Redis
  // addresses the first that answers is used.
  std::vector<std::string> addresses;
  base::Duration dial_timeout = std::chrono::milliseconds(500);
  base::Duration get_timeout = std::chrono::milliseconds(500);
  base::Duration set_timeout = std::chrono::milliseconds(500);
  base::Duration dns_update_interval = std::chrono::seconds(10);
  int64_t max_idle_connections = 100;  // per server
  int64_t max_get_concurrency = 100;
  int64_t get_batch_size = 0;  // keys of one request; 0 is the client's choice
  int64_t set_batch_size = 0;
  int64_t max_async_concurrency = 20;
  int64_t max_async_buffer_size = 10'000;  // items waiting to be stored; more are dropped
  int64_t max_item_bytes = 0;              // larger ones are not stored; 0 is no limit
  CircuitBreakerConfig circuit_breaker;

  // Redis only.
  std::string username;
  std::string password;
  int64_t database = 0;
  std::string master_name;  // not empty: the addresses are those of sentinels, which know where the master is
  RemoteTlsConfig tls;
};

// The keys of a Memcached or Redis configuration, with their defaults. Errors are kept in `keys`; call
// Validate after its Finish().
RemoteConfig ReadMemcachedConfig(config::YamlMap& keys);
RemoteConfig ReadRedisConfig(config::YamlMap& keys);
// InvalidArgument: no address, a malformed one, or a number out of its range.
base::Status Validate(const RemoteConfig& config);

}  // namespace thanos::cache
