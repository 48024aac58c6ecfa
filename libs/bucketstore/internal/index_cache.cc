#include "bucketstore/internal/index_cache.h"

#include <algorithm>
#include <cstring>
#include <utility>

#include "base/clock.h"
#include "base/strings.h"

namespace thanos::bucketstore::internal {
namespace {

constexpr const char* kTenant = "default-tenant";

telemetry::MetricLabels OfType(const char* item_type) {
  return {{"item_type", item_type}};
}
telemetry::MetricLabels OfTypeAndTenant(const char* item_type) {
  return {{"item_type", item_type}, {"tenant", kTenant}};
}

// Each part with its length, so that no two lists of parts give the same key.
void AppendPart(std::string& key, std::string_view part) {
  base::AppendBigEndian32(key, static_cast<uint32_t>(part.size()));
  key += part;
}

std::string KeyOf(char kind, const model::Ulid& block) {
  std::string key(1, kind);
  key.append(reinterpret_cast<const char*>(block.bytes().data()), block.bytes().size());
  return key;
}

std::string PostingsKeyOf(const model::Ulid& block, const index::PostingsKey& list) {
  std::string key = KeyOf('P', block);
  AppendPart(key, list.name);
  AppendPart(key, list.value);
  return key;
}

// The order of matchers does not matter.
std::string ExpandedKeyOf(const model::Ulid& block, const std::vector<labels::Matcher>& matchers) {
  std::vector<std::string> parts;
  for (const labels::Matcher& matcher : matchers) {
    std::string& part = parts.emplace_back(labels::ToString(matcher.type()));
    AppendPart(part, matcher.name());
    AppendPart(part, matcher.value());
  }
  std::sort(parts.begin(), parts.end());
  std::string key = KeyOf('E', block);
  for (const std::string& part : parts) {
    AppendPart(key, part);
  }
  return key;
}

std::string SeriesKeyOf(const model::Ulid& block, index::SeriesRef ref) {
  std::string key = KeyOf('S', block);
  base::AppendBigEndian32(key, ref);
  return key;
}

cache::LruInstruments EntryInstruments(telemetry::Registry& metrics, const char* item_type) {
  return {
      metrics.AddGauge("thanos_store_index_cache_items", "Current number of items in the index cache.",
                       OfType(item_type)),
      metrics.AddGauge("thanos_store_index_cache_items_size_bytes",
                       "Current byte size of items in the index cache.", OfType(item_type)),
      metrics.AddGauge("thanos_store_index_cache_total_size_bytes",
                       "Current byte size of items (both value and key) in the index cache.",
                       OfType(item_type)),
      metrics.AddCounter("thanos_store_index_cache_items_added_total",
                         "Total number of items that were added to the index cache.", OfType(item_type)),
      metrics.AddCounter("thanos_store_index_cache_items_evicted_total",
                         "Total number of items that were evicted from the index cache.", OfType(item_type)),
      metrics.AddCounter("thanos_store_index_cache_items_overflowed_total",
                         "Total number of items that could not be added to the cache due to being too big.",
                         OfType(item_type))};
}

}  // namespace

IndexCache::Instruments::Instruments(telemetry::Registry& metrics, const char* item_type)
    : entries(EntryInstruments(metrics, item_type)),
      requests(metrics.AddCounter("thanos_store_index_cache_requests_total",
                                  "Total number of items requests to the cache.",
                                  OfTypeAndTenant(item_type))),
      hits(metrics.AddCounter("thanos_store_index_cache_hits_total",
                              "Total number of items requests to the cache that were a hit.",
                              OfTypeAndTenant(item_type))),
      fetch_duration(metrics.AddHistogram("thanos_store_index_cache_fetch_duration_seconds",
                                          "Histogram to track latency to fetch items from index cache",
                                          {0.01, 0.1, 0.3, 0.6, 1, 3, 6, 9, 20, 30, 60, 90, 120},
                                          OfTypeAndTenant(item_type))),
      stored_bytes(metrics.AddHistogram("thanos_store_index_cache_stored_data_size_bytes",
                                        "Histogram to track item data size stored in index cache",
                                        {32, 256, 512, 1024, 32768, 262144, 524288, 1048576, 33554432,
                                         67108864, 134217728, 268435456, 536870912},
                                        OfTypeAndTenant(item_type))) {}

IndexCache::IndexCache(const IndexCacheConfig& config, telemetry::Registry& metrics)
    : config_(config),
      instruments_{Instruments(metrics, "Postings"), Instruments(metrics, "ExpandedPostings"),
                   Instruments(metrics, "Series")},
      original_postings_bytes_(
          metrics.AddCounter("thanos_bucket_store_cached_postings_original_size_bytes_total",
                             "Original size of postings stored into cache.", {{"tenant", kTenant}})),
      cached_postings_bytes_(
          metrics.AddCounter("thanos_bucket_store_cached_postings_compressed_size_bytes_total",
                             "Compressed size of postings stored into cache.", {{"tenant", kTenant}})),
      entries_(
          {.max_bytes = config.max_bytes, .max_item_bytes = config.max_item_bytes},
          {instruments_[kPostings].entries, instruments_[kExpanded].entries, instruments_[kSeries].entries}) {
  metrics
      .AddGauge("thanos_store_index_cache_max_size_bytes",
                "Maximum number of bytes to be held in the index cache.")
      .Set(static_cast<double>(config.max_bytes));
  metrics
      .AddGauge("thanos_store_index_cache_max_item_size_bytes",
                "Maximum number of bytes for single entry to be held in the index cache.")
      .Set(static_cast<double>(config.max_item_bytes));
}

bool IndexCache::enabled(Kind kind) const {
  if (config_.max_bytes <= 0) {
    return false;
  }
  return kind == kPostings ? config_.postings
                           : (kind == kExpanded ? config_.expanded_postings : config_.series);
}

void IndexCache::Measure(Kind kind, size_t count, const std::function<size_t()>& find) {
  const Instruments& instruments = instruments_[kind];
  const base::TimePoint start = base::SteadyNow();
  const size_t hits = find();
  instruments.fetch_duration.Observe(base::ToSeconds(base::SteadyNow() - start));
  instruments.requests.Increment(static_cast<double>(count));
  instruments.hits.Increment(static_cast<double>(hits));
}

void IndexCache::Put(Kind kind, const std::string& key, std::string value) {
  instruments_[kind].stored_bytes.Observe(static_cast<double>(value.size()));
  (void)entries_.Add(kind, key, base::SharedBytes::FromString(std::move(value)));
}

std::optional<index::Postings> IndexCache::FindRefs(const std::string& key) {
  const auto found = entries_.Find(key);
  if (!found) {
    return std::nullopt;
  }
  const std::string_view bytes = found->value.bytes;
  index::Postings postings(bytes.size() / sizeof(index::SeriesRef));
  if (!postings.empty()) {
    std::memcpy(postings.data(), bytes.data(), bytes.size());
  }
  return postings;
}

void IndexCache::PutRefs(Kind kind, const std::string& key, const index::Postings& postings) {
  const size_t num_bytes = postings.size() * sizeof(index::SeriesRef);
  // Not even copied when it cannot fit.
  if (static_cast<int64_t>(num_bytes) > config_.max_item_bytes) {
    instruments_[kind].entries.overflowed.Increment();
    return;
  }
  original_postings_bytes_.Increment(static_cast<double>(num_bytes));
  cached_postings_bytes_.Increment(static_cast<double>(num_bytes));
  // In the byte order of this machine: the bytes never leave it.
  Put(kind, key, std::string(reinterpret_cast<const char*>(postings.data()), num_bytes));
}

std::vector<std::optional<index::Postings>> IndexCache::FindPostings(
    const model::Ulid& block, std::span<const index::PostingsKey> keys) {
  std::vector<std::optional<index::Postings>> lists(keys.size());
  if (enabled(kPostings) && !keys.empty()) {
    Measure(kPostings, keys.size(), [&] {
      size_t hits = 0;
      for (size_t i = 0; i < keys.size(); ++i) {
        lists[i] = FindRefs(PostingsKeyOf(block, keys[i]));
        hits += lists[i] ? 1 : 0;
      }
      return hits;
    });
  }
  return lists;
}

void IndexCache::PutPostings(const model::Ulid& block, const index::PostingsKey& key,
                             const index::Postings& postings) {
  if (enabled(kPostings)) {
    PutRefs(kPostings, PostingsKeyOf(block, key), postings);
  }
}

std::optional<index::Postings> IndexCache::FindExpanded(const model::Ulid& block,
                                                        const std::vector<labels::Matcher>& matchers) {
  std::optional<index::Postings> postings;
  if (enabled(kExpanded)) {
    Measure(kExpanded, 1, [&]() -> size_t {
      postings = FindRefs(ExpandedKeyOf(block, matchers));
      return postings ? 1 : 0;
    });
  }
  return postings;
}

void IndexCache::PutExpanded(const model::Ulid& block, const std::vector<labels::Matcher>& matchers,
                             const index::Postings& postings) {
  if (enabled(kExpanded)) {
    PutRefs(kExpanded, ExpandedKeyOf(block, matchers), postings);
  }
}

std::vector<base::SharedBytes> IndexCache::FindSeries(const model::Ulid& block,
                                                      std::span<const index::SeriesRef> refs) {
  std::vector<base::SharedBytes> entries(refs.size());
  if (enabled(kSeries) && !refs.empty()) {
    Measure(kSeries, refs.size(), [&] {
      size_t hits = 0;
      for (size_t i = 0; i < refs.size(); ++i) {
        if (auto found = entries_.Find(SeriesKeyOf(block, refs[i]))) {
          entries[i] = std::move(found->value);
          ++hits;
        }
      }
      return hits;
    });
  }
  return entries;
}

void IndexCache::PutSeries(const model::Ulid& block, index::SeriesRef ref, std::string_view entry) {
  if (enabled(kSeries)) {
    Put(kSeries, SeriesKeyOf(block, ref), std::string(entry));
  }
}

}  // namespace thanos::bucketstore::internal
