#include "cache/remote_cache.h"

#include <algorithm>
#include <atomic>
#include <deque>
#include <map>
#include <optional>
#include <utility>
#include <vector>

#include "base/hash.h"
#include "base/mutex.h"
#include "cache/internal/circuit_breaker.h"
#include "cache/internal/protocol.h"
#include "cache/internal/server.h"
#include "concurrency/gate.h"
#include "concurrency/periodic.h"
#include "concurrency/thread_pool.h"
#include "discovery/provider.h"
#include "encoding/crc32c.h"
#include "telemetry/log.h"

namespace thanos::cache {
namespace {

using internal::Connection;
using internal::Server;

// Of values that begin with a checksum.
constexpr std::string_view kKeyPrefix = "c1:";
constexpr size_t kChecksumBytes = 4;
constexpr size_t kDefaultGetBatch = 256;
constexpr size_t kDefaultSetBatch = 64;
constexpr size_t kSetBatchBytes = 4 << 20;
// Values waiting to be stored; the configuration limits only their number.
constexpr size_t kMaxQueuedBytes = 64 << 20;
constexpr int64_t kMaxStoreThreads = 8;

uint32_t ChecksumOf(std::string_view key, std::string_view value) {
  return encoding::ExtendCrc32c(encoding::Crc32c(key), value);
}

// Jump consistent hash: few keys move when a server is added at the end.
size_t JumpHash(uint64_t key, size_t num_buckets) {
  int64_t bucket = -1;
  int64_t next = 0;
  while (next < static_cast<int64_t>(num_buckets)) {
    bucket = next;
    key = key * 2862933555777941757ULL + 1;
    next = static_cast<int64_t>(static_cast<double>(bucket + 1) * (static_cast<double>(int64_t{1} << 31) /
                                                                   static_cast<double>((key >> 33) + 1)));
  }
  return static_cast<size_t>(bucket);
}

struct Instruments {
  Instruments(telemetry::Registry& registry, const std::string& kind, const std::string& name)
      : requests(registry.AddCounter(base::Concat("thanos_cache_", kind, "_requests_total"),
                                     "Total number of items requests to the cache.", {{"name", name}})),
        hits(registry.AddCounter(base::Concat("thanos_cache_", kind, "_hits_total"),
                                 "Total number of items requests to the cache that were a hit.",
                                 {{"name", name}})),
        gets(registry, kind, name, "getmulti"),
        sets(registry, kind, name, "set"),
        corrupt(gets.Failures(registry, "checksum")),
        get_failures(gets.Failures(registry, "request")),
        set_failures(sets.Failures(registry, "request")),
        refused(sets.Failures(registry, "refused")),
        too_large(sets.Skipped(registry, "max-item-size")),
        bad_key(sets.Skipped(registry, "malformed-key")),
        queue_full(sets.Skipped(registry, "buffer-full")),
        circuit_open(sets.Skipped(registry, "circuit-open")) {}

  struct Operation {
    Operation(telemetry::Registry& registry, const std::string& kind, const std::string& name,
              const char* operation)
        : prefix(base::Concat("thanos_", kind, "_operation")),
          labels({{"name", name}, {"operation", operation}}),
          total(registry.AddCounter(base::Concat(prefix, "s_total"),
                                    "Total number of operations against the cache.", labels)),
          duration(registry.AddHistogram(
              base::Concat(prefix, "_duration_seconds"), "Duration of operations against the cache.",
              {0.001, 0.005, 0.01, 0.025, 0.05, 0.1, 0.2, 0.5, 1, 3, 6, 10}, labels)),
          data_size(registry.AddHistogram(
              base::Concat(prefix, "_data_size_bytes"),
              "Tracks the size of the data stored in and fetched from the cache.",
              {32, 256, 512, 1024, 32768, 262144, 524288, 1048576, 33554432, 268435456, 536870912}, labels)) {
    }
    telemetry::Counter& WithReason(telemetry::Registry& registry, const char* what, const char* help,
                                   const char* reason) const {
      telemetry::MetricLabels with_reason = labels;
      with_reason.push_back({"reason", reason});
      return registry.AddCounter(base::Concat(prefix, what), help, with_reason);
    }
    telemetry::Counter& Failures(telemetry::Registry& registry, const char* reason) const {
      return WithReason(registry, "_failures_total",
                        "Total number of operations against the cache that failed.", reason);
    }
    telemetry::Counter& Skipped(telemetry::Registry& registry, const char* reason) const {
      return WithReason(registry, "_skipped_total",
                        "Total number of operations against the cache that have been skipped.", reason);
    }
    const std::string prefix;
    const telemetry::MetricLabels labels;
    telemetry::Counter& total;
    telemetry::Histogram& duration;
    telemetry::Histogram& data_size;
  };
  telemetry::Counter& requests;
  telemetry::Counter& hits;
  const Operation gets;
  const Operation sets;
  telemetry::Counter& corrupt;
  telemetry::Counter& get_failures;
  telemetry::Counter& set_failures;
  telemetry::Counter& refused;
  telemetry::Counter& too_large;
  telemetry::Counter& bad_key;
  telemetry::Counter& queue_full;
  telemetry::Counter& circuit_open;
};

class RemoteCache final : public Cache {
 public:
  RemoteCache(std::string name, const RemoteConfig& config, const base::Clock& clock,
              telemetry::Registry& metrics, std::shared_ptr<const internal::TlsClient> tls);
  ~RemoteCache() override;

  std::string_view name() const override { return name_; }
  void Store(std::string_view key, base::SharedBytes value, base::Duration ttl) override;
  base::StringMap<base::SharedBytes> Fetch(const base::CancelToken& cancel,
                                           std::span<const std::string> keys) override;

 private:
  using Servers = std::vector<std::shared_ptr<Server>>;
  // Keys of one server, and how far they have been asked for.
  struct Asked {
    std::shared_ptr<Server> server;
    std::vector<std::string> keys = {};
    size_t position = 0;
    std::vector<std::string_view> batch = {};
    std::unique_ptr<Connection> connection = {};
    base::CancelRegistration wake = {};
  };
  struct Pending {
    std::string key;
    base::SharedBytes value;
    base::Duration ttl{};
  };

  void Refresh(const base::CancelToken& cancel);
  void SetServers(const std::vector<std::string>& addresses);
  std::shared_ptr<const Servers> servers() const;
  std::shared_ptr<Server> NewServer(const std::string& address);
  static size_t ServerOf(const Servers& servers, std::string_view key) {
    return JumpHash(base::XxHash64(key), servers.size());
  }
  base::Status Ask(const base::CancelToken& cancel, Asked* asked);
  base::Status Collect(const base::CancelToken& cancel, Asked* asked,
                       base::StringMap<base::SharedBytes>* values);
  void Keep(std::string_view key, std::string value, base::StringMap<base::SharedBytes>* values);
  void Abandon(const base::CancelToken& cancel, const base::Status& status, Asked* asked);
  // Stores what is queued, until nothing is.
  void Drain();
  std::vector<Pending> TakePending();
  void StoreBatch(const std::vector<Pending>& batch);
  base::Status StoreOn(Server& server, const std::vector<const Pending*>& items);

  const std::string name_;
  const RemoteConfig config_;
  const Instruments instruments_;
  const std::unique_ptr<internal::Protocol> protocol_;
  const std::unique_ptr<discovery::Resolver> resolver_;
  discovery::Provider provider_;
  const internal::Dialer dialer_;
  concurrency::Gate gate_;
  internal::CircuitBreaker breaker_;
  base::CancelSource stop_;

  mutable base::Mutex mutex_;
  std::shared_ptr<const Servers> servers_ ABSL_GUARDED_BY(mutex_);
  base::Mutex queue_mutex_;
  std::deque<Pending> queue_ ABSL_GUARDED_BY(queue_mutex_);
  size_t queued_bytes_ ABSL_GUARDED_BY(queue_mutex_) = 0;
  int draining_ ABSL_GUARDED_BY(queue_mutex_) = 0;
  concurrency::ThreadPool store_pool_;
  std::unique_ptr<concurrency::Periodic> refresher_;  // null: no address needs a look-up
};

std::string KindName(RemoteKind kind) {
  return kind == RemoteKind::kMemcached ? "memcached" : "redis";
}

RemoteCache::RemoteCache(std::string name, const RemoteConfig& config, const base::Clock& clock,
                         telemetry::Registry& metrics, std::shared_ptr<const internal::TlsClient> tls)
    : name_(std::move(name)),
      config_(config),
      instruments_(metrics, KindName(config.kind), name_),
      protocol_(config.kind == RemoteKind::kMemcached ? internal::MakeMemcachedProtocol(clock)
                                                      : internal::MakeRedisProtocol(config_)),
      resolver_(discovery::MakeSystemResolver()),
      provider_(*resolver_, metrics, base::Concat("thanos_", KindName(config.kind), "_")),
      dialer_(config_, *protocol_, std::move(tls), *resolver_),
      gate_(config.max_get_concurrency > 0
                ? static_cast<int>(std::min<int64_t>(config.max_get_concurrency, 1 << 20))
                : 1 << 20),
      breaker_(config.circuit_breaker),
      servers_(std::make_shared<const Servers>()),
      store_pool_("cache-store", static_cast<int>(std::min(config.max_async_concurrency, kMaxStoreThreads))) {
  const bool dynamic = std::any_of(config_.addresses.begin(), config_.addresses.end(), discovery::IsDynamic);
  if (!dynamic) {
    SetServers(config_.addresses);
    return;
  }
  refresher_ = std::make_unique<concurrency::Periodic>(
      "cache-dns", std::max<base::Duration>(config_.dns_update_interval, std::chrono::seconds(1)),
      stop_.token(), [this](const base::CancelToken& cancel) { Refresh(cancel); });
}

RemoteCache::~RemoteCache() {
  stop_.Cancel();
  refresher_.reset();
}

void RemoteCache::Refresh(const base::CancelToken& cancel) {
  if (const base::Status status = provider_.Resolve(cancel, config_.addresses); !status.ok()) {
    TH_LOG(kWarn, "resolving addresses of cache servers").With("name", name_).With("err", status);
  }
  SetServers(provider_.Addresses());
}

std::shared_ptr<Server> RemoteCache::NewServer(const std::string& address) {
  return std::make_shared<Server>(
      address, static_cast<size_t>(std::max<int64_t>(config_.max_idle_connections, 0)), config_.dial_timeout,
      [this, address](const base::CancelToken& cancel) { return dialer_.Dial(cancel, address); });
}

void RemoteCache::SetServers(const std::vector<std::string>& addresses) {
  const auto current = servers();
  auto changed = std::make_shared<Servers>();
  if (config_.kind == RemoteKind::kRedis) {
    // One server as far as keys are concerned, whichever of the addresses answers.
    changed->push_back(std::make_shared<Server>(
        base::Join(addresses, ","), static_cast<size_t>(config_.max_idle_connections), config_.dial_timeout,
        [this, addresses](const base::CancelToken& cancel) { return dialer_.DialRedis(cancel, addresses); }));
  } else {
    std::vector<std::string> sorted = addresses;
    std::sort(sorted.begin(), sorted.end());
    for (const std::string& address : sorted) {
      const auto known = std::find_if(current->begin(), current->end(),
                                      [&](const auto& server) { return server->address() == address; });
      changed->push_back(known != current->end() ? *known : NewServer(address));
    }
  }
  const auto same = [](const auto& a, const auto& b) { return a->address() == b->address(); };
  if (std::equal(changed->begin(), changed->end(), current->begin(), current->end(), same)) {
    return;
  }
  base::MutexLock lock(mutex_);
  servers_ = std::move(changed);
}

std::shared_ptr<const RemoteCache::Servers> RemoteCache::servers() const {
  base::MutexLock lock(mutex_);
  return servers_;
}

void RemoteCache::Store(std::string_view key, base::SharedBytes value, base::Duration ttl) {
  std::string full_key = base::Concat(kKeyPrefix, key);
  if (ttl <= base::Duration::zero()) {
    return;
  }
  if (config_.max_item_bytes > 0 && static_cast<int64_t>(value.bytes.size()) > config_.max_item_bytes) {
    instruments_.too_large.Increment();
    return;
  }
  if (!protocol_->IsValidKey(full_key)) {
    instruments_.bad_key.Increment();
    return;
  }
  base::MutexLock lock(queue_mutex_);
  if (static_cast<int64_t>(queue_.size()) >= config_.max_async_buffer_size ||
      queued_bytes_ + value.bytes.size() > kMaxQueuedBytes) {
    instruments_.queue_full.Increment();
    return;
  }
  queued_bytes_ += value.bytes.size();
  queue_.push_back({std::move(full_key), std::move(value), ttl});
  if (draining_ < store_pool_.num_threads()) {
    ++draining_;
    store_pool_.Submit([this] { Drain(); });
  }
}

std::vector<RemoteCache::Pending> RemoteCache::TakePending() {
  const size_t max_items =
      config_.set_batch_size > 0 ? static_cast<size_t>(config_.set_batch_size) : kDefaultSetBatch;
  std::vector<Pending> batch;
  size_t num_bytes = 0;
  base::MutexLock lock(queue_mutex_);
  while (!queue_.empty() && batch.size() < max_items && num_bytes < kSetBatchBytes) {
    num_bytes += queue_.front().value.bytes.size();
    batch.push_back(std::move(queue_.front()));
    queue_.pop_front();
  }
  queued_bytes_ -= num_bytes;
  draining_ -= batch.empty() ? 1 : 0;
  return batch;
}

void RemoteCache::Drain() {
  for (auto batch = TakePending(); !batch.empty(); batch = TakePending()) {
    if (!stop_.token().cancelled()) {
      StoreBatch(batch);
    }
  }
}

void RemoteCache::StoreBatch(const std::vector<Pending>& batch) {
  const auto current = servers();
  if (current->empty()) {
    return;
  }
  std::vector<std::vector<const Pending*>> by_server(current->size());
  for (const Pending& item : batch) {
    by_server[ServerOf(*current, item.key)].push_back(&item);
  }
  for (size_t i = 0; i < by_server.size(); ++i) {
    if (by_server[i].empty()) {
      continue;
    }
    const auto count = static_cast<double>(by_server[i].size());
    if (!breaker_.Allow(base::SteadyNow())) {
      instruments_.circuit_open.Increment(count);
      continue;
    }
    const base::TimePoint start = base::SteadyNow();
    instruments_.sets.total.Increment(count);
    const base::Status status = StoreOn(*(*current)[i], by_server[i]);
    instruments_.sets.duration.Observe(base::ToSeconds(base::SteadyNow() - start));
    breaker_.Record(status.ok(), base::SteadyNow());
    if (!status.ok()) {
      instruments_.set_failures.Increment(count);
      TH_LOG(kDebug, "storing in cache").With("name", name_).With("err", status);
    }
  }
}

base::Status RemoteCache::StoreOn(Server& server, const std::vector<const Pending*>& items) {
  TH_ASSIGN_OR_RETURN(std::unique_ptr<Connection> connection, server.Take(stop_.token()));
  const base::CancelSource source(stop_.token(), config_.set_timeout);
  const base::CancelToken token = source.token();
  std::string requests;
  for (const Pending* item : items) {
    std::string checksum;
    base::AppendBigEndian32(checksum, ChecksumOf(item->key, item->value.bytes));
    protocol_->AppendSet({item->key, checksum, item->value.bytes, item->ttl}, &requests);
    instruments_.sets.data_size.Observe(static_cast<double>(item->value.bytes.size()));
  }
  base::Status status;
  {
    Connection& peer = *connection;
    const auto wake = token.OnCancel([&peer] { peer.Interrupt(); });
    status = connection->Write(token, requests);
    for (size_t i = 0; i < items.size() && status.ok(); ++i) {
      status = protocol_->ReadSet(token, *connection);
      if (status.code() == base::StatusCode::kFailedPrecondition) {
        instruments_.refused.Increment();
        status = base::OkStatus();
      }
    }
  }
  if (status.ok()) {
    server.Return(std::move(connection));
  } else {
    server.Failed();
  }
  return status;
}

base::Status RemoteCache::Ask(const base::CancelToken& cancel, Asked* asked) {
  if (asked->connection == nullptr) {
    TH_ASSIGN_OR_RETURN(asked->connection, asked->server->Take(cancel));
    asked->wake = cancel.OnCancel([connection = asked->connection.get()] { connection->Interrupt(); });
  }
  const size_t batch_size =
      config_.get_batch_size > 0 ? static_cast<size_t>(config_.get_batch_size) : kDefaultGetBatch;
  const size_t count = std::min(batch_size, asked->keys.size() - asked->position);
  asked->batch.assign(asked->keys.begin() + static_cast<ptrdiff_t>(asked->position),
                      asked->keys.begin() + static_cast<ptrdiff_t>(asked->position + count));
  asked->position += count;
  std::string request;
  protocol_->AppendGet(asked->batch, &request);
  instruments_.gets.total.Increment();
  return asked->connection->Write(cancel, request);
}

void RemoteCache::Keep(std::string_view key, std::string value, base::StringMap<base::SharedBytes>* values) {
  if (value.size() < kChecksumBytes || base::LoadBigEndian32(value.data()) !=
                                           ChecksumOf(key, std::string_view(value).substr(kChecksumBytes))) {
    instruments_.corrupt.Increment();
    return;
  }
  base::SharedBytes bytes = base::SharedBytes::FromString(std::move(value));
  bytes.bytes.remove_prefix(kChecksumBytes);
  instruments_.hits.Increment();
  instruments_.gets.data_size.Observe(static_cast<double>(bytes.bytes.size()));
  values->emplace(key.substr(kKeyPrefix.size()), std::move(bytes));
}

base::Status RemoteCache::Collect(const base::CancelToken& cancel, Asked* asked,
                                  base::StringMap<base::SharedBytes>* values) {
  return protocol_->ReadGet(
      cancel, *asked->connection, asked->batch,
      [&](std::string_view key, std::string value) { Keep(key, std::move(value), values); });
}

// `cancel` is the caller's: when that has ended, the server is not to blame.
void RemoteCache::Abandon(const base::CancelToken& cancel, const base::Status& status, Asked* asked) {
  instruments_.get_failures.Increment();
  TH_LOG(kDebug, "fetching from cache").With("name", name_).With("err", status);
  if (asked->connection != nullptr && !cancel.cancelled()) {
    asked->server->Failed();
  }
  asked->wake = {};
  asked->connection.reset();
  asked->position = asked->keys.size();
}

base::StringMap<base::SharedBytes> RemoteCache::Fetch(const base::CancelToken& cancel,
                                                      std::span<const std::string> keys) {
  base::StringMap<base::SharedBytes> values;
  const auto current = servers();
  instruments_.requests.Increment(static_cast<double>(keys.size()));
  if (current->empty() || keys.empty()) {
    return values;
  }
  const base::TimePoint start = base::SteadyNow();
  const base::CancelSource source(cancel, config_.get_timeout);
  const base::CancelToken token = source.token();
  const auto pass = gate_.Enter(token);
  if (!pass.ok()) {
    instruments_.get_failures.Increment();
    return values;
  }
  std::map<size_t, Asked> asked_of;
  for (const std::string& key : keys) {
    std::string full_key = base::Concat(kKeyPrefix, key);
    if (protocol_->IsValidKey(full_key)) {
      const size_t number = ServerOf(*current, full_key);
      asked_of.try_emplace(number, Asked{.server = (*current)[number]})
          .first->second.keys.push_back(std::move(full_key));
    }
  }
  // All servers work at the same time: each round writes to all of them before it reads.
  for (bool more = true; more;) {
    more = false;
    for (auto& [number, asked] : asked_of) {
      asked.batch.clear();
      if (asked.position < asked.keys.size()) {
        if (const base::Status status = Ask(token, &asked); !status.ok()) {
          Abandon(cancel, status, &asked);
          asked.batch.clear();
        }
      }
    }
    for (auto& [number, asked] : asked_of) {
      if (asked.batch.empty()) {
        continue;
      }
      if (const base::Status status = Collect(token, &asked, &values); !status.ok()) {
        Abandon(cancel, status, &asked);
      }
      more = more || asked.position < asked.keys.size();
    }
  }
  for (auto& [number, asked] : asked_of) {
    asked.wake = {};
    if (asked.connection != nullptr) {
      asked.server->Return(std::move(asked.connection));
    }
  }
  instruments_.gets.duration.Observe(base::ToSeconds(base::SteadyNow() - start));
  return values;
}

}  // namespace

base::StatusOr<std::unique_ptr<Cache>> MakeRemoteCache(std::string name, const RemoteConfig& config,
                                                       const base::Clock& clock,
                                                       telemetry::Registry& metrics) {
  TH_RETURN_IF_ERROR(Validate(config));
  std::shared_ptr<const internal::TlsClient> tls;
  if (config.tls.enabled) {
    TH_ASSIGN_OR_RETURN(tls, internal::TlsClient::Create(config.tls));
  }
  return std::unique_ptr<Cache>(
      std::make_unique<RemoteCache>(std::move(name), config, clock, metrics, std::move(tls)));
}

}  // namespace thanos::cache
