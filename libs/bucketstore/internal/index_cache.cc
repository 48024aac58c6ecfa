#include "bucketstore/internal/index_cache.h"

#include <algorithm>
#include <array>
#include <cstring>
#include <limits>
#include <utility>

#include "base/clock.h"
#include "base/hash.h"
#include "base/strings.h"
#include "encoding/compress.h"
#include "encoding/varint.h"

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

// Lists on the way to and from other machines: varints of the differences, compressed.
constexpr size_t kMaxEncodedBytes = size_t{1} << 30;

std::string EncodePostings(const index::Postings& postings) {
  std::string plain;
  plain.reserve(postings.size() * 2 + encoding::kMaxVarintBytes);
  encoding::AppendUvarint(plain, postings.size());
  index::SeriesRef previous = 0;
  for (const index::SeriesRef ref : postings) {
    encoding::AppendUvarint(plain, ref - previous);
    previous = ref;
  }
  std::string compressed;
  encoding::SnappyCompress(plain, &compressed);
  return compressed;
}

base::StatusOr<index::Postings> DecodePostings(std::string_view compressed) {
  std::string plain;
  TH_RETURN_IF_ERROR(encoding::SnappyUncompress(compressed, kMaxEncodedBytes, &plain));
  encoding::ByteCursor cursor(plain);
  uint64_t count = 0;
  if (!cursor.ReadUvarint(&count) || count > cursor.remaining()) {
    return base::DataLoss("cached postings: bad count");
  }
  index::Postings postings;
  postings.reserve(count);
  uint64_t ref = 0;
  for (uint64_t i = 0; i < count; ++i) {
    uint64_t difference = 0;
    if (!cursor.ReadUvarint(&difference) || (difference == 0 && i > 0) ||
        difference > std::numeric_limits<index::SeriesRef>::max() - ref) {
      return base::DataLoss("cached postings: entry ", i, " of ", count, " is damaged");
    }
    ref += difference;
    postings.push_back(static_cast<index::SeriesRef>(ref));
  }
  return postings;
}

// Servers take short keys of text only. The whole key is stored with the value, so that two with the same
// hash are never mistaken for each other.
constexpr std::array kKindNames = {"P", "EP", "S"};

std::string RemoteKeyOf(const char* kind, std::string_view key) {
  std::string salted = "2";
  salted += key;
  return base::Concat(kind, ':', base::XxHash64(key), '-', base::XxHash64(salted));
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

IndexCache::Compression::Compression(telemetry::Registry& metrics, const char* operation)
    : total(metrics.AddCounter("thanos_bucket_store_cached_postings_compressions_total",
                               "Number of postings compressions before storing to index cache.",
                               {{"op", operation}, {"tenant", kTenant}})),
      errors(metrics.AddCounter("thanos_bucket_store_cached_postings_compression_errors_total",
                                "Number of postings compression errors.",
                                {{"op", operation}, {"tenant", kTenant}})),
      seconds(metrics.AddCounter("thanos_bucket_store_cached_postings_compression_time_seconds_total",
                                 "Time spent compressing postings before storing them into postings cache.",
                                 {{"op", operation}, {"tenant", kTenant}})) {}

IndexCache::IndexCache(const IndexCacheConfig& config, telemetry::Registry& metrics,
                       std::unique_ptr<cache::Cache> remote)
    : config_(config),
      instruments_{Instruments(metrics, "Postings"), Instruments(metrics, "ExpandedPostings"),
                   Instruments(metrics, "Series")},
      original_postings_bytes_(
          metrics.AddCounter("thanos_bucket_store_cached_postings_original_size_bytes_total",
                             "Original size of postings stored into cache.", {{"tenant", kTenant}})),
      cached_postings_bytes_(
          metrics.AddCounter("thanos_bucket_store_cached_postings_compressed_size_bytes_total",
                             "Compressed size of postings stored into cache.", {{"tenant", kTenant}})),
      encode_(metrics, "encode"),
      decode_(metrics, "decode"),
      remote_(std::move(remote)),
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
  if (remote_ == nullptr && config_.max_bytes <= 0) {
    return false;
  }
  return kind == kPostings ? config_.postings
                           : (kind == kExpanded ? config_.expanded_postings : config_.series);
}

std::vector<base::SharedBytes> IndexCache::FindRemote(const base::CancelToken& cancel, Kind kind,
                                                      const std::vector<std::string>& keys) {
  std::vector<std::string> remote_keys;
  remote_keys.reserve(keys.size());
  for (const std::string& key : keys) {
    remote_keys.push_back(RemoteKeyOf(kKindNames[kind], key));
  }
  const auto found = remote_->Fetch(cancel, remote_keys);
  std::vector<base::SharedBytes> values(keys.size());
  for (size_t i = 0; i < keys.size(); ++i) {
    const auto value = found.find(remote_keys[i]);
    if (value != found.end() && value->second.bytes.starts_with(keys[i])) {
      values[i] = value->second;
      values[i].bytes.remove_prefix(keys[i].size());
    }
  }
  return values;
}

std::vector<base::SharedBytes> IndexCache::Find(const base::CancelToken& cancel, Kind kind,
                                                const std::vector<std::string>& keys) {
  const Instruments& instruments = instruments_[kind];
  const base::TimePoint start = base::SteadyNow();
  std::vector<base::SharedBytes> values;
  if (remote_ != nullptr) {
    values = FindRemote(cancel, kind, keys);
  } else {
    values.resize(keys.size());
    for (size_t i = 0; i < keys.size(); ++i) {
      if (auto found = entries_.Find(keys[i])) {
        values[i] = std::move(found->value);
      }
    }
  }
  instruments.fetch_duration.Observe(base::ToSeconds(base::SteadyNow() - start));
  instruments.requests.Increment(static_cast<double>(keys.size()));
  instruments.hits.Increment(static_cast<double>(std::count_if(
      values.begin(), values.end(), [](const base::SharedBytes& value) { return value.owner != nullptr; })));
  return values;
}

void IndexCache::Put(Kind kind, const std::string& key, std::string value) {
  instruments_[kind].stored_bytes.Observe(static_cast<double>(value.size()));
  if (remote_ == nullptr) {
    (void)entries_.Add(kind, key, base::SharedBytes::FromString(std::move(value)));
    return;
  }
  instruments_[kind].entries.added.Increment();
  remote_->Store(RemoteKeyOf(kKindNames[kind], key), base::SharedBytes::FromString(key + value), config_.ttl);
}

std::optional<index::Postings> IndexCache::Decode(const base::SharedBytes& value) {
  if (value.owner == nullptr) {
    return std::nullopt;
  }
  if (remote_ != nullptr) {
    const base::TimePoint start = base::SteadyNow();
    auto decoded = DecodePostings(value.bytes);
    decode_.total.Increment();
    decode_.seconds.Increment(base::ToSeconds(base::SteadyNow() - start));
    if (!decoded.ok()) {
      decode_.errors.Increment();
      return std::nullopt;
    }
    return *std::move(decoded);
  }
  index::Postings postings(value.bytes.size() / sizeof(index::SeriesRef));
  if (!postings.empty()) {
    std::memcpy(postings.data(), value.bytes.data(), value.bytes.size());
  }
  return postings;
}

void IndexCache::PutRefs(Kind kind, const std::string& key, const index::Postings& postings) {
  const size_t num_bytes = postings.size() * sizeof(index::SeriesRef);
  if (remote_ != nullptr) {
    const base::TimePoint start = base::SteadyNow();
    std::string encoded = EncodePostings(postings);
    encode_.total.Increment();
    encode_.seconds.Increment(base::ToSeconds(base::SteadyNow() - start));
    original_postings_bytes_.Increment(static_cast<double>(num_bytes));
    cached_postings_bytes_.Increment(static_cast<double>(encoded.size()));
    Put(kind, key, std::move(encoded));
    return;
  }
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
    const base::CancelToken& cancel, const model::Ulid& block, std::span<const index::PostingsKey> keys) {
  std::vector<std::optional<index::Postings>> lists(keys.size());
  if (!enabled(kPostings) || keys.empty()) {
    return lists;
  }
  std::vector<std::string> entry_keys;
  entry_keys.reserve(keys.size());
  for (const index::PostingsKey& key : keys) {
    entry_keys.push_back(PostingsKeyOf(block, key));
  }
  const auto values = Find(cancel, kPostings, entry_keys);
  for (size_t i = 0; i < keys.size(); ++i) {
    lists[i] = Decode(values[i]);
  }
  return lists;
}

void IndexCache::PutPostings(const model::Ulid& block, const index::PostingsKey& key,
                             const index::Postings& postings) {
  if (enabled(kPostings)) {
    PutRefs(kPostings, PostingsKeyOf(block, key), postings);
  }
}

std::optional<index::Postings> IndexCache::FindExpanded(const base::CancelToken& cancel,
                                                        const model::Ulid& block,
                                                        const std::vector<labels::Matcher>& matchers) {
  if (!enabled(kExpanded)) {
    return std::nullopt;
  }
  return Decode(Find(cancel, kExpanded, {ExpandedKeyOf(block, matchers)})[0]);
}

void IndexCache::PutExpanded(const model::Ulid& block, const std::vector<labels::Matcher>& matchers,
                             const index::Postings& postings) {
  if (enabled(kExpanded)) {
    PutRefs(kExpanded, ExpandedKeyOf(block, matchers), postings);
  }
}

std::vector<base::SharedBytes> IndexCache::FindSeries(const base::CancelToken& cancel,
                                                      const model::Ulid& block,
                                                      std::span<const index::SeriesRef> refs) {
  if (!enabled(kSeries) || refs.empty()) {
    return std::vector<base::SharedBytes>(refs.size());
  }
  std::vector<std::string> keys;
  keys.reserve(refs.size());
  for (const index::SeriesRef ref : refs) {
    keys.push_back(SeriesKeyOf(block, ref));
  }
  return Find(cancel, kSeries, keys);
}

void IndexCache::PutSeries(const model::Ulid& block, index::SeriesRef ref, std::string_view entry) {
  if (enabled(kSeries)) {
    Put(kSeries, SeriesKeyOf(block, ref), std::string(entry));
  }
}

}  // namespace thanos::bucketstore::internal
