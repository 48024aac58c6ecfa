#include "cache/memory_cache.h"

#include <chrono>
#include <utility>

namespace thanos::cache {
namespace {

telemetry::MetricLabels Named(const std::string& name) {
  return {{"name", name}};
}

LruInstruments Instruments(const std::string& name, telemetry::Registry& metrics) {
  return {
      metrics.AddGauge("thanos_cache_inmemory_items", "Current number of items in the in-memory cache.",
                       Named(name)),
      metrics.AddGauge("thanos_cache_inmemory_items_size_bytes",
                       "Current byte size of items in the in-memory cache.", Named(name)),
      metrics.AddGauge("thanos_cache_inmemory_total_size_bytes",
                       "Current byte size of items (both value and key) in the in-memory cache.",
                       Named(name)),
      metrics.AddCounter("thanos_cache_inmemory_items_added_total",
                         "Total number of items that were added to the in-memory cache.", Named(name)),
      metrics.AddCounter("thanos_cache_inmemory_items_evicted_total",
                         "Total number of items that were evicted from the in-memory cache.", Named(name)),
      metrics.AddCounter("thanos_cache_inmemory_items_overflowed_total",
                         "Total number of items that could not be added to the in-memory cache due to "
                         "being too big.",
                         Named(name))};
}

}  // namespace

MemoryCache::MemoryCache(std::string name, const LruOptions& options, const base::Clock& clock,
                         telemetry::Registry& metrics)
    : name_(std::move(name)),
      clock_(clock),
      requests_(metrics.AddCounter("thanos_cache_inmemory_requests_total",
                                   "Total number of requests to the in-memory cache.", Named(name_))),
      hits_(metrics.AddCounter("thanos_cache_inmemory_hits_total",
                               "Total number of requests to the in-memory cache that were a hit.",
                               Named(name_))),
      expired_hits_(metrics.AddCounter(
          "thanos_cache_inmemory_hits_on_expired_data_total",
          "Total number of requests to the in-memory cache that were a hit but needed to be evicted due to "
          "TTL.",
          Named(name_))),
      entries_(options, {Instruments(name_, metrics)}) {
  metrics
      .AddGauge("thanos_cache_inmemory_max_size_bytes", "Maximum number of bytes to be held in the cache.",
                Named(name_))
      .Set(static_cast<double>(options.max_bytes));
  metrics
      .AddGauge("thanos_cache_inmemory_max_item_size_bytes",
                "Maximum number of bytes for single entry to be held in the cache.", Named(name_))
      .Set(static_cast<double>(options.max_item_bytes));
}

void MemoryCache::Store(std::string_view key, base::SharedBytes value, base::Duration ttl) {
  const int64_t ttl_ms = std::chrono::duration_cast<std::chrono::milliseconds>(ttl).count();
  if (ttl_ms <= 0) {
    return;
  }
  const int64_t now_ms = clock_.NowMs();
  if (const auto known = entries_.Find(key); known && known->expires_ms <= now_ms) {
    entries_.Remove(key);
  }
  (void)entries_.Add(0, key, std::move(value), now_ms + ttl_ms);
}

base::StringMap<base::SharedBytes> MemoryCache::Fetch(const base::CancelToken&,
                                                      std::span<const std::string> keys) {
  base::StringMap<base::SharedBytes> values;
  const int64_t now_ms = clock_.NowMs();
  for (const std::string& key : keys) {
    requests_.Increment();
    auto found = entries_.Find(key);
    if (!found) {
      continue;
    }
    if (found->expires_ms <= now_ms) {
      expired_hits_.Increment();
      entries_.Remove(key);
      continue;
    }
    hits_.Increment();
    values.emplace(key, std::move(found->value));
  }
  return values;
}

}  // namespace thanos::cache
