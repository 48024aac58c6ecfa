#pragma once

// The hashring file: which receivers take the series of which tenants. A JSON list (YAML is read too) of
//
//   hashring: <name>                      label value of metrics
//   tenants: [<name or pattern>, ...]     empty or missing: every tenant
//   tenant_matcher_type: exact | glob
//   endpoints: [<address> | {address: , az: , capnproto_address: }, ...]
//   algorithm: hashmod | ketama           missing: the one of the flag
//   external_labels: {<name>: <value>}    of these tenants' data
//   shuffle_sharding_config: {shard_size: , cache_size: , zone_awareness_disabled: ,
//                             overrides: [{shard_size: , tenants: [], tenant_matcher_type: }]}
//
// as Thanos' receiver reads it. Unknown keys are ignored, like there.

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/status.h"
#include "labels/labels.h"

namespace thanos::hashring {

struct Endpoint {
  std::string address;            // host:port of gRPC
  std::string capnproto_address;  // host:19391 unless given
  std::string az;                 // availability zone, may be empty
  bool operator==(const Endpoint&) const = default;
};

enum class Algorithm : uint8_t { kHashmod, kKetama };

// "hashmod" or "ketama"; nothing for other names.
std::optional<Algorithm> ParseAlgorithm(std::string_view name);

enum class TenantMatcher : uint8_t { kExact, kGlob };

struct ShardSizeOverride {
  int64_t shard_size = 0;
  std::vector<std::string> tenants;
  // Without a type an override concerns nobody, as in Thanos: routers of both must agree.
  std::optional<TenantMatcher> matcher;
};

struct ShuffleShardingConfig {
  int64_t shard_size = 0;  // endpoints per tenant; 0: no shuffle sharding
  int64_t cache_size = 100;
  bool zone_awareness_disabled = false;
  std::vector<ShardSizeOverride> overrides;
};

struct RingConfig {
  std::string name;
  std::vector<std::string> tenants;
  TenantMatcher matcher = TenantMatcher::kExact;
  std::vector<Endpoint> endpoints;
  // Nothing: the file names none. A name that Thanos does not know means hashmod, like there.
  std::optional<Algorithm> algorithm;
  labels::Labels external_labels;
  ShuffleShardingConfig shuffle_sharding;
};

// InvalidArgument naming ring and key: malformed text, no rings, an endpoint without address, an unknown
// matcher type, a malformed glob pattern, a negative size.
base::StatusOr<std::vector<RingConfig>> ParseConfig(std::string_view text);

}  // namespace thanos::hashring
