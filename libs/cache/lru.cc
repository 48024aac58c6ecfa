#include "cache/lru.h"

#include <utility>

namespace thanos::cache {
namespace {

// List node, hash table node and the owner of the value, roughly.
constexpr int64_t kEntryOverheadBytes = 192;

int64_t Size(std::string_view text) {
  return static_cast<int64_t>(text.size());
}

}  // namespace

LruCache::LruCache(const LruOptions& options, std::vector<LruInstruments> kinds)
    : options_(options), kinds_(std::move(kinds)) {}

LruCache::~LruCache() = default;

int64_t LruCache::CostOf(const Entry& entry) {
  return Size(entry.key) + Size(entry.value.bytes) + kEntryOverheadBytes;
}

void LruCache::Take(Entries::iterator entry, Entries* removed) {
  const LruInstruments& instruments = kinds_[entry->kind];
  const int64_t cost = CostOf(*entry);
  size_bytes_ -= cost;
  instruments.items.Add(-1);
  instruments.value_bytes.Add(-static_cast<double>(entry->value.bytes.size()));
  instruments.total_bytes.Add(-static_cast<double>(cost));
  index_.erase(entry->key);
  removed->splice(removed->end(), entries_, entry);
}

bool LruCache::Add(size_t kind, std::string_view key, base::SharedBytes value, int64_t expires_ms) {
  const LruInstruments& instruments = kinds_[kind];
  Entries fresh;
  fresh.push_back({kind, std::string(key), std::move(value), expires_ms});
  const int64_t cost = CostOf(fresh.front());
  if (cost > options_.max_item_bytes || cost > options_.max_bytes) {
    instruments.overflowed.Increment();
    return false;
  }
  Entries removed;
  base::MutexLock lock(mutex_);
  if (const auto known = index_.find(key); known != index_.end()) {
    entries_.splice(entries_.begin(), entries_, known->second);
    removed.swap(fresh);
    return false;
  }
  while (size_bytes_ + cost > options_.max_bytes) {
    const auto oldest = std::prev(entries_.end());
    kinds_[oldest->kind].evicted.Increment();
    Take(oldest, &removed);
  }
  instruments.added.Increment();
  instruments.items.Add(1);
  instruments.value_bytes.Add(static_cast<double>(fresh.front().value.bytes.size()));
  instruments.total_bytes.Add(static_cast<double>(cost));
  size_bytes_ += cost;
  entries_.splice(entries_.begin(), fresh);
  index_.emplace(entries_.front().key, entries_.begin());
  return true;
}

std::optional<LruCache::Found> LruCache::Find(std::string_view key) {
  base::MutexLock lock(mutex_);
  const auto known = index_.find(key);
  if (known == index_.end()) {
    return std::nullopt;
  }
  entries_.splice(entries_.begin(), entries_, known->second);
  return Found{known->second->value, known->second->expires_ms};
}

void LruCache::Remove(std::string_view key) {
  Entries removed;
  base::MutexLock lock(mutex_);
  if (const auto known = index_.find(key); known != index_.end()) {
    Take(known->second, &removed);
  }
}

int64_t LruCache::size_bytes() const {
  base::MutexLock lock(mutex_);
  return size_bytes_;
}

}  // namespace thanos::cache
