#include "hashring/config.h"

#include <algorithm>

#include "config/yaml.h"
#include "hashring/internal/glob.h"

namespace thanos::hashring {
namespace {

constexpr std::string_view kDefaultCapnprotoPort = ":19391";

base::StatusOr<Endpoint> ParseEndpoint(const config::YamlNode& node) {
  Endpoint endpoint;
  if (node.kind == config::YamlNode::Kind::kMap) {
    config::YamlMap map(node, "endpoints");
    map.Read("address", &endpoint.address);
    map.Read("az", &endpoint.az);
    map.Read("capnproto_address", &endpoint.capnproto_address);
    map.IgnoreRest();
    TH_RETURN_IF_ERROR(map.Finish());
  } else {
    TH_ASSIGN_OR_RETURN(endpoint.address, config::YamlToString(node));
  }
  if (endpoint.address.empty()) {
    return base::InvalidArgument("endpoint address must be set");
  }
  if (endpoint.capnproto_address.empty()) {
    endpoint.capnproto_address =
        base::Concat(endpoint.address.substr(0, endpoint.address.find(':')), kDefaultCapnprotoPort);
  }
  return endpoint;
}

// Nothing for an empty name.
base::StatusOr<std::optional<TenantMatcher>> ParseMatcher(std::string_view name) {
  if (name.empty()) {
    return std::optional<TenantMatcher>();
  }
  if (name == "exact") {
    return std::optional(TenantMatcher::kExact);
  }
  if (name == "glob") {
    return std::optional(TenantMatcher::kGlob);
  }
  return base::InvalidArgument("tenant_matcher_type \"", name, "\" is neither exact nor glob");
}

base::Status CheckPatterns(const std::vector<std::string>& patterns) {
  for (const std::string& pattern : patterns) {
    if (!internal::GlobMatch(pattern, "").ok() || !internal::IsValidGlob(pattern)) {
      return base::InvalidArgument("tenants: malformed pattern \"", pattern, "\"");
    }
  }
  return base::OkStatus();
}

base::Status ReadMatcher(config::YamlMap& map, std::optional<TenantMatcher>* matcher) {
  std::string name;
  map.Read("tenant_matcher_type", &name);
  TH_ASSIGN_OR_RETURN(*matcher, ParseMatcher(name));
  return base::OkStatus();
}

base::Status ReadShuffleSharding(config::YamlMap& map, ShuffleShardingConfig* sharding) {
  base::Status status;
  map.ReadMap("shuffle_sharding_config", [&](config::YamlMap& section) {
    section.Read("shard_size", &sharding->shard_size);
    section.Read("cache_size", &sharding->cache_size);
    section.Read("zone_awareness_disabled", &sharding->zone_awareness_disabled);
    section.ReadMaps("overrides", [&](config::YamlMap& item) {
      ShardSizeOverride override;
      item.Read("shard_size", &override.shard_size);
      item.Read("tenants", &override.tenants);
      status.Update(ReadMatcher(item, &override.matcher));
      if (override.matcher == TenantMatcher::kGlob) {
        status.Update(CheckPatterns(override.tenants));
      }
      item.IgnoreRest();
      if (override.shard_size < 0) {
        item.Fail("shard_size", "must not be negative");
      }
      sharding->overrides.push_back(std::move(override));
    });
    section.IgnoreRest();
    if (sharding->shard_size < 0) {
      section.Fail("shard_size", "must not be negative");
    }
  });
  if (sharding->cache_size <= 0) {
    sharding->cache_size = ShuffleShardingConfig{}.cache_size;
  }
  return status;
}

base::Status ReadExternalLabels(config::YamlMap& map, labels::Labels* labels) {
  std::vector<std::pair<std::string, std::string>> pairs;
  map.Read("external_labels", &pairs);
  std::sort(pairs.begin(), pairs.end());
  std::vector<labels::LabelView> views;
  for (const auto& [name, value] : pairs) {
    if (!value.empty()) {
      views.push_back({name, value});
    }
  }
  if (!labels::IsSorted(views)) {
    return base::InvalidArgument("external_labels: a name is there twice");
  }
  *labels = labels::Labels(labels::LabelSpan(views));
  return base::OkStatus();
}

base::StatusOr<RingConfig> ParseRing(const config::YamlNode& node) {
  RingConfig ring;
  config::YamlMap map(node);
  map.Read("hashring", &ring.name);
  map.Read("tenants", &ring.tenants);
  std::optional<TenantMatcher> matcher;
  TH_RETURN_IF_ERROR(ReadMatcher(map, &matcher));
  ring.matcher = matcher.value_or(TenantMatcher::kExact);
  if (ring.matcher == TenantMatcher::kGlob) {
    TH_RETURN_IF_ERROR(CheckPatterns(ring.tenants));
  }
  if (const config::YamlNode* endpoints = map.Node("endpoints"); endpoints != nullptr) {
    if (endpoints->kind == config::YamlNode::Kind::kScalar ||
        endpoints->kind == config::YamlNode::Kind::kMap) {
      return base::InvalidArgument("endpoints must be a list");
    }
    for (const config::YamlNode& item : endpoints->items) {
      TH_ASSIGN_OR_RETURN(Endpoint endpoint, ParseEndpoint(item));
      ring.endpoints.push_back(std::move(endpoint));
    }
  }
  std::string algorithm;
  map.Read("algorithm", &algorithm);
  if (!algorithm.empty()) {
    ring.algorithm = ParseAlgorithm(algorithm).value_or(Algorithm::kHashmod);
  }
  TH_RETURN_IF_ERROR(ReadExternalLabels(map, &ring.external_labels));
  TH_RETURN_IF_ERROR(ReadShuffleSharding(map, &ring.shuffle_sharding));
  map.IgnoreRest();
  TH_RETURN_IF_ERROR(map.Finish());
  return ring;
}

}  // namespace

std::optional<Algorithm> ParseAlgorithm(std::string_view name) {
  if (name == "hashmod") {
    return Algorithm::kHashmod;
  }
  if (name == "ketama") {
    return Algorithm::kKetama;
  }
  return std::nullopt;
}

base::StatusOr<std::vector<RingConfig>> ParseConfig(std::string_view text) {
  TH_ASSIGN_OR_RETURN(const config::YamlNode root, config::ParseYaml(text));
  if (root.kind == config::YamlNode::Kind::kScalar || root.kind == config::YamlNode::Kind::kMap) {
    return base::InvalidArgument("hashring configuration must be a list");
  }
  std::vector<RingConfig> rings;
  for (const config::YamlNode& item : root.items) {
    auto ring = ParseRing(item);
    if (!ring.ok()) {
      return base::Annotate(ring.status(), "hashring ", rings.size(), " (line ", item.line, ")");
    }
    rings.push_back(*std::move(ring));
  }
  if (rings.empty()) {
    return base::InvalidArgument("hashring configuration is empty");
  }
  return rings;
}

}  // namespace thanos::hashring
