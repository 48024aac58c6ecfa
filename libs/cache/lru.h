#pragma once

#include <cstdint>
#include <limits>
#include <list>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "base/bytes.h"
#include "base/mutex.h"
#include "telemetry/metrics.h"

namespace thanos::cache {

struct LruOptions {
  int64_t max_bytes = 0;  // 0: nothing is ever kept
  int64_t max_item_bytes = 0;
};

// Of one kind of entry. References into a registry.
struct LruInstruments {
  telemetry::Gauge& items;
  telemetry::Gauge& value_bytes;
  telemetry::Gauge& total_bytes;  // with keys and what an entry itself costs
  telemetry::Counter& added;
  telemetry::Counter& evicted;
  telemetry::Counter& overflowed;  // refused for their size
};

// Thread-safe.
class LruCache {
 public:
  static constexpr int64_t kNeverExpires = std::numeric_limits<int64_t>::max();

  // Each entry is of one of `kinds`, which share the limit.
  LruCache(const LruOptions& options, std::vector<LruInstruments> kinds);
  ~LruCache();

  // False: too large, or the key is there already, which then counts as used. `expires_ms` is kept with it.
  bool Add(size_t kind, std::string_view key, base::SharedBytes value, int64_t expires_ms = kNeverExpires);
  struct Found {
    base::SharedBytes value;
    int64_t expires_ms = kNeverExpires;
  };
  // Makes the entry the most recently used.
  std::optional<Found> Find(std::string_view key);
  void Remove(std::string_view key);

  int64_t size_bytes() const;
  const LruOptions& options() const { return options_; }

 private:
  struct Entry {
    size_t kind = 0;
    std::string key;
    base::SharedBytes value;
    int64_t expires_ms = kNeverExpires;
  };
  using Entries = std::list<Entry>;

  static int64_t CostOf(const Entry& entry);
  // Moves the entry to `removed`, which is to be destroyed after the lock is released.
  void Take(Entries::iterator entry, Entries* removed) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);

  const LruOptions options_;
  const std::vector<LruInstruments> kinds_;
  mutable base::Mutex mutex_;
  Entries entries_ ABSL_GUARDED_BY(mutex_);  // most recently used first
  // The keys belong to the entries, which do not move.
  std::unordered_map<std::string_view, Entries::iterator> index_ ABSL_GUARDED_BY(mutex_);
  int64_t size_bytes_ ABSL_GUARDED_BY(mutex_) = 0;
};

}  // namespace thanos::cache
