#include "hashring/hashring.h"

#include <algorithm>

#include "base/hash.h"
#include "hashring/internal/ring.h"

namespace thanos::hashring {
namespace {

// Tenants whose entry is remembered; more than that and the memory starts anew, so that made-up names do not
// fill it.
constexpr size_t kMaxRememberedTenants = 20'000;

base::StatusOr<std::shared_ptr<const Ring>> MakeRing(const RingConfig& config, Algorithm algorithm,
                                                     size_t replication_factor) {
  const int64_t shard_size = config.shuffle_sharding.shard_size;
  if (algorithm == Algorithm::kHashmod) {
    if (shard_size > 0) {
      return base::InvalidArgument("hashmod does not support shuffle sharding: use ketama or remove it");
    }
    return internal::MakeHashmodRing(config.endpoints);
  }
  if (shard_size > static_cast<int64_t>(config.endpoints.size())) {
    return base::InvalidArgument("shard size ", shard_size, " is larger than the number of endpoints (",
                                 config.endpoints.size(), ")");
  }
  return internal::MakeKetamaRing(config.endpoints, replication_factor);
}

}  // namespace

uint64_t SeriesHash(std::string_view tenant, labels::LabelSpan labels) {
  constexpr std::string_view kSeparator = "\xff";
  base::XxHash64Stream hash;
  hash.Update(tenant);
  hash.Update(kSeparator);
  for (const labels::LabelView& label : labels) {
    hash.Update(label.name);
    hash.Update(kSeparator);
    hash.Update(label.value);
    hash.Update(kSeparator);
  }
  return hash.Digest();
}

base::StatusOr<std::unique_ptr<Hashring>> Hashring::Create(std::vector<RingConfig> configs,
                                                           Algorithm default_algorithm,
                                                           size_t replication_factor) {
  std::unique_ptr<Hashring> hashring(new Hashring(std::move(configs), replication_factor));
  base::MutexLock lock(hashring->mutex_);
  for (const RingConfig& config : hashring->configs_) {
    auto ring = MakeRing(config, config.algorithm.value_or(default_algorithm), replication_factor);
    if (!ring.ok()) {
      return base::Annotate(ring.status(), "hashring \"", config.name, "\"");
    }
    hashring->endpoints_.insert(hashring->endpoints_.end(), config.endpoints.begin(), config.endpoints.end());
    hashring->rings_.push_back(*std::move(ring));
    ShardCache shards;
    if (config.shuffle_sharding.shard_size > 0) {
      shards.stats.max_items = static_cast<uint64_t>(config.shuffle_sharding.cache_size);
    }
    hashring->shards_.push_back(std::move(shards));
  }
  std::stable_sort(hashring->endpoints_.begin(), hashring->endpoints_.end(),
                   [](const Endpoint& a, const Endpoint& b) { return a.address < b.address; });
  return hashring;
}

bool Hashring::Matches(const RingConfig& config, std::string_view tenant) const {
  return config.tenants.empty() || internal::MatchesTenant(config.tenants, config.matcher, tenant);
}

base::StatusOr<size_t> Hashring::ConfigIndexOf(std::string_view tenant) {
  {
    base::MutexLock lock(mutex_);
    const auto known = config_of_tenant_.find(tenant);
    if (known != config_of_tenant_.end()) {
      return known->second;
    }
  }
  const auto found = std::find_if(configs_.begin(), configs_.end(),
                                  [&](const RingConfig& config) { return Matches(config, tenant); });
  if (found == configs_.end()) {
    return base::NotFound("no matching hashring to handle tenant ", tenant);
  }
  const auto index = static_cast<size_t>(found - configs_.begin());
  base::MutexLock lock(mutex_);
  if (config_of_tenant_.size() >= kMaxRememberedTenants) {
    config_of_tenant_.clear();
  }
  config_of_tenant_.emplace(tenant, index);
  return index;
}

base::StatusOr<std::shared_ptr<const Ring>> Hashring::RingOf(std::string_view tenant) {
  TH_ASSIGN_OR_RETURN(const size_t index, ConfigIndexOf(tenant));
  if (configs_[index].shuffle_sharding.shard_size == 0) {
    return rings_[index];
  }
  return ShardOf(index, tenant);
}

base::StatusOr<std::shared_ptr<const Ring>> Hashring::ShardOf(size_t index, std::string_view tenant) {
  {
    base::MutexLock lock(mutex_);
    ShardCache& cache = shards_[index];
    ++cache.stats.requests;
    const auto known = cache.by_tenant.find(tenant);
    if (known != cache.by_tenant.end()) {
      ++cache.stats.hits;
      cache.items.splice(cache.items.begin(), cache.items, known->second);
      return known->second->second;
    }
  }
  TH_ASSIGN_OR_RETURN(
      std::shared_ptr<const Ring> ring,
      internal::MakeShard(*rings_[index], configs_[index].shuffle_sharding, tenant, replication_factor_));
  base::MutexLock lock(mutex_);
  ShardCache& cache = shards_[index];
  if (cache.by_tenant.find(tenant) == cache.by_tenant.end()) {
    cache.items.emplace_front(std::string(tenant), ring);
    cache.by_tenant.emplace(std::string(tenant), cache.items.begin());
  }
  while (cache.items.size() > cache.stats.max_items) {
    cache.by_tenant.erase(cache.by_tenant.find(cache.items.back().first));
    cache.items.pop_back();
    ++cache.stats.evicted;
  }
  cache.stats.items = cache.items.size();
  return ring;
}

CacheStats Hashring::shard_cache_stats(size_t index) const {
  base::MutexLock lock(mutex_);
  return shards_[index].stats;
}

}  // namespace thanos::hashring
