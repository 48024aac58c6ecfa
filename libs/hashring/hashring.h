#pragma once

// Which receivers hold a series, bit for bit as Thanos' receivers decide it, so that both can share a ring.

#include <cstdint>
#include <list>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "base/mutex.h"
#include "base/status.h"
#include "base/strings.h"
#include "hashring/config.h"
#include "labels/labels.h"

namespace thanos::hashring {

// The hash that places a series: xxhash64 over tenant, 0xff, and name, 0xff, value, 0xff of each label as
// received.
uint64_t SeriesHash(std::string_view tenant, labels::LabelSpan labels);

// The endpoints of one tenant. Immutable, thread-safe.
class Ring {
 public:
  struct Section {
    uint64_t hash;
    uint32_t endpoint;
  };

  // Hashmod over the endpoints as they are.
  explicit Ring(std::vector<Endpoint> endpoints);
  // Ketama: sections by hash; `replicas` has `replication_factor` endpoints for each section.
  Ring(std::vector<Endpoint> endpoints, std::vector<Section> sections, std::vector<uint32_t> replicas,
       size_t replication_factor);

  // Replica numbers are from 0 to num_replicas() - 1. Hashmod can place as many as there are endpoints.
  size_t num_replicas() const { return num_replicas_; }
  const std::vector<Endpoint>& endpoints() const { return endpoints_; }
  // Index of the endpoint that takes replica `replica`, which must be below num_replicas(), of a series.
  size_t Find(uint64_t series_hash, size_t replica) const;
  // Empty for hashmod.
  const std::vector<Section>& sections() const { return sections_; }

 private:
  std::vector<Endpoint> endpoints_;
  std::vector<Section> sections_;
  std::vector<uint32_t> replicas_;
  size_t num_replicas_;
};

struct CacheStats {
  uint64_t requests = 0;
  uint64_t hits = 0;
  uint64_t evicted = 0;
  uint64_t items = 0;
  uint64_t max_items = 0;
};

// All rings of a hashring file. Thread-safe.
class Hashring {
 public:
  // `default_algorithm` is for rings that name none. InvalidArgument naming the ring: what its algorithm
  // cannot do, fewer endpoints than replicas, a shard size above the number of endpoints.
  static base::StatusOr<std::unique_ptr<Hashring>> Create(std::vector<RingConfig> configs,
                                                          Algorithm default_algorithm,
                                                          size_t replication_factor);

  // The ring of `tenant`: that of the first entry of the file that matches, or the tenant's shard of it. Ask
  // once per request and tenant. NotFound: no entry matches. FailedPrecondition: its shard cannot be made.
  base::StatusOr<std::shared_ptr<const Ring>> RingOf(std::string_view tenant);
  // Index into configs() of the entry that matches. NotFound as above.
  base::StatusOr<size_t> ConfigIndexOf(std::string_view tenant);

  const std::vector<RingConfig>& configs() const { return configs_; }
  // Endpoints of all entries, sorted by address; the same one may be there more than once.
  const std::vector<Endpoint>& endpoints() const { return endpoints_; }
  // Of the shards of configs()[index]; zeros without shuffle sharding.
  CacheStats shard_cache_stats(size_t index) const;

 private:
  // Shards of one entry, the one asked for last in front.
  struct ShardCache {
    using Item = std::pair<std::string, std::shared_ptr<const Ring>>;
    std::list<Item> items;
    base::StringMap<std::list<Item>::iterator> by_tenant;
    CacheStats stats;
  };

  Hashring(std::vector<RingConfig> configs, size_t replication_factor)
      : configs_(std::move(configs)), replication_factor_(replication_factor) {}
  bool Matches(const RingConfig& config, std::string_view tenant) const;
  base::StatusOr<std::shared_ptr<const Ring>> ShardOf(size_t index, std::string_view tenant);

  const std::vector<RingConfig> configs_;
  const size_t replication_factor_;
  std::vector<std::shared_ptr<const Ring>> rings_;
  std::vector<Endpoint> endpoints_;

  mutable base::Mutex mutex_;
  base::StringMap<size_t> config_of_tenant_ ABSL_GUARDED_BY(mutex_);
  std::vector<ShardCache> shards_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace thanos::hashring
