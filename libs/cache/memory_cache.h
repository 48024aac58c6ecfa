#pragma once

#include <string>

#include "base/clock.h"
#include "cache/cache.h"
#include "cache/lru.h"
#include "telemetry/metrics.h"

namespace thanos::cache {

// A Cache in the memory of this process. Thread-safe.
class MemoryCache final : public Cache {
 public:
  // `name` is the label of the metrics thanos_cache_inmemory_*. References must outlive the cache.
  MemoryCache(std::string name, const LruOptions& options, const base::Clock& clock,
              telemetry::Registry& metrics);

  std::string_view name() const override { return name_; }
  void Store(std::string_view key, base::SharedBytes value, base::Duration ttl) override;
  base::StringMap<base::SharedBytes> Fetch(const base::CancelToken& cancel,
                                           std::span<const std::string> keys) override;

 private:
  const std::string name_;
  const base::Clock& clock_;
  telemetry::Counter& requests_;
  telemetry::Counter& hits_;
  telemetry::Counter& expired_hits_;
  LruCache entries_;
};

}  // namespace thanos::cache
