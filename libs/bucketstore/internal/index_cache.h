#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/bytes.h"
#include "base/cancel.h"
#include "bucketstore/index_cache_config.h"
#include "cache/cache.h"
#include "cache/lru.h"
#include "index/expanded_postings.h"
#include "index/postings.h"
#include "labels/matcher.h"
#include "model/ulid.h"
#include "telemetry/metrics.h"

namespace thanos::bucketstore::internal {

// Postings lists, series entries and results of expansions, of all blocks, in memory or on other machines.
// Only data whose checksum was verified may be put in. Blocks never change, so entries never become wrong.
// Thread-safe.
class IndexCache {
 public:
  // `remote` null: in memory. `metrics` must outlive the cache.
  IndexCache(const IndexCacheConfig& config, telemetry::Registry& metrics,
             std::unique_ptr<cache::Cache> remote = nullptr);

  // The lists of `keys`, in their order; nothing where the cache has none.
  std::vector<std::optional<index::Postings>> FindPostings(const base::CancelToken& cancel,
                                                           const model::Ulid& block,
                                                           std::span<const index::PostingsKey> keys);
  void PutPostings(const model::Ulid& block, const index::PostingsKey& key, const index::Postings& postings);

  // The series that all of `matchers` accept.
  std::optional<index::Postings> FindExpanded(const base::CancelToken& cancel, const model::Ulid& block,
                                              const std::vector<labels::Matcher>& matchers);
  void PutExpanded(const model::Ulid& block, const std::vector<labels::Matcher>& matchers,
                   const index::Postings& postings);

  // Whole series entries as they stand in the index, checksum included, in the order of `refs`; without owner
  // where the cache has none.
  std::vector<base::SharedBytes> FindSeries(const base::CancelToken& cancel, const model::Ulid& block,
                                            std::span<const index::SeriesRef> refs);
  void PutSeries(const model::Ulid& block, index::SeriesRef ref, std::string_view entry);

 private:
  enum Kind : size_t { kPostings, kExpanded, kSeries };
  struct Instruments {
    Instruments(telemetry::Registry& metrics, const char* item_type);
    cache::LruInstruments entries;
    telemetry::Counter& requests;
    telemetry::Counter& hits;
    telemetry::Histogram& fetch_duration;
    telemetry::Histogram& stored_bytes;
  };

  struct Compression {
    Compression(telemetry::Registry& metrics, const char* operation);
    telemetry::Counter& total;
    telemetry::Counter& errors;
    telemetry::Counter& seconds;
  };

  bool enabled(Kind kind) const;
  // The values of `keys` in their order, without owner where there is none.
  std::vector<base::SharedBytes> Find(const base::CancelToken& cancel, Kind kind,
                                      const std::vector<std::string>& keys);
  std::vector<base::SharedBytes> FindRemote(const base::CancelToken& cancel, Kind kind,
                                            const std::vector<std::string>& keys);
  void Put(Kind kind, const std::string& key, std::string value);
  std::optional<index::Postings> Decode(const base::SharedBytes& value);
  void PutRefs(Kind kind, const std::string& key, const index::Postings& postings);

  const IndexCacheConfig config_;
  const std::vector<Instruments> instruments_;  // by Kind
  telemetry::Counter& original_postings_bytes_;
  telemetry::Counter& cached_postings_bytes_;
  const Compression encode_;
  const Compression decode_;
  const std::unique_ptr<cache::Cache> remote_;  // null: entries_
  cache::LruCache entries_;
};

}  // namespace thanos::bucketstore::internal
