#pragma once

// Rings of either algorithm as sorted tables; private to this library.

#include <cstdint>
#include <memory>
#include <string_view>
#include <vector>

#include "base/status.h"
#include "hashring/config.h"
#include "hashring/hashring.h"

namespace thanos::hashring::internal {

inline constexpr int kSectionsPerNode = 1000;

// InvalidArgument: endpoints with zones.
base::StatusOr<std::shared_ptr<const Ring>> MakeHashmodRing(std::vector<Endpoint> endpoints);
// InvalidArgument: fewer endpoints than replicas, or zones so uneven that replicas cannot be spread over
// them.
base::StatusOr<std::shared_ptr<const Ring>> MakeKetamaRing(std::vector<Endpoint> endpoints,
                                                           size_t replication_factor);

// The ring of the endpoints that shuffle sharding gives to `tenant`. FailedPrecondition: a zone has fewer
// endpoints than its share.
base::StatusOr<std::shared_ptr<const Ring>> MakeShard(const Ring& base_ring,
                                                      const ShuffleShardingConfig& config,
                                                      std::string_view tenant, size_t replication_factor);

// The shard size that holds for `tenant`.
int64_t ShardSizeOf(const ShuffleShardingConfig& config, std::string_view tenant);

bool MatchesTenant(const std::vector<std::string>& names, TenantMatcher matcher, std::string_view tenant);

}  // namespace thanos::hashring::internal
