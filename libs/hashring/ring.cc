#include "hashring/internal/ring.h"

#include <algorithm>
#include <array>
#include <limits>
#include <map>
#include <openssl/evp.h>

#include "base/bytes.h"
#include "base/check.h"
#include "base/hash.h"
#include "hashring/internal/glob.h"
#include "hashring/internal/go_random.h"

namespace thanos::hashring {

Ring::Ring(std::vector<Endpoint> endpoints)
    : endpoints_(std::move(endpoints)), num_replicas_(endpoints_.size()) {}

Ring::Ring(std::vector<Endpoint> endpoints, std::vector<Section> sections, std::vector<uint32_t> replicas,
           size_t replication_factor)
    : endpoints_(std::move(endpoints)),
      sections_(std::move(sections)),
      replicas_(std::move(replicas)),
      num_replicas_(replication_factor) {
  TH_CHECK(replicas_.size() == sections_.size() * num_replicas_);
}

size_t Ring::Find(uint64_t series_hash, size_t replica) const {
  TH_DCHECK(replica < num_replicas_);
  if (sections_.empty()) {
    // The sum wraps around, like the original's.
    return static_cast<size_t>((series_hash + replica) % endpoints_.size());
  }
  const auto found =
      std::lower_bound(sections_.begin(), sections_.end(), series_hash,
                       [](const Section& section, uint64_t hash) { return section.hash < hash; });
  const auto section = found == sections_.end() ? size_t{0} : static_cast<size_t>(found - sections_.begin());
  return replicas_[section * num_replicas_ + replica];
}

namespace internal {
namespace {

using Section = Ring::Section;

// Counts replicas per zone, zones numbered.
struct Zones {
  std::vector<uint32_t> of_endpoint;
  size_t count = 0;

  explicit Zones(const std::vector<Endpoint>& endpoints) {
    std::map<std::string_view, uint32_t> numbers;
    for (const Endpoint& endpoint : endpoints) {
      const auto number = static_cast<uint32_t>(numbers.size());
      of_endpoint.push_back(numbers.emplace(endpoint.az, number).first->second);
    }
    count = numbers.size();
  }
};

// The replicas of the section at `begin`: walking on from it, each endpoint once, and none in a zone that has
// more replicas than the emptiest one. False when a whole round finds none to add.
bool PlaceReplicas(const std::vector<Section>& sections, const Zones& zones, size_t begin,
                   size_t replication_factor, std::vector<uint32_t>* replicas) {
  std::vector<size_t> in_zone(zones.count);
  const size_t first = replicas->size();
  size_t position = begin;
  size_t since_last = 0;
  while (replicas->size() - first < replication_factor) {
    if (since_last++ == sections.size()) {
      return false;
    }
    const uint32_t endpoint = sections[position].endpoint;
    position = position + 1 == sections.size() ? 0 : position + 1;
    if (std::find(replicas->begin() + static_cast<std::ptrdiff_t>(first), replicas->end(), endpoint) !=
        replicas->end()) {
      continue;
    }
    size_t& taken = in_zone[zones.of_endpoint[endpoint]];
    if (taken > *std::min_element(in_zone.begin(), in_zone.end())) {
      continue;
    }
    ++taken;
    replicas->push_back(endpoint);
    since_last = 0;
  }
  return true;
}

// The seed of a tenant's choice in a zone: the first eight bytes of an MD5 sum.
base::StatusOr<int64_t> ShardSeed(std::string_view tenant, std::string_view az) {
  std::string text(tenant);
  if (!az.empty()) {
    text.push_back('\0');
    text.append(az);
  }
  std::array<unsigned char, EVP_MAX_MD_SIZE> digest{};
  unsigned int size = 0;
  if (EVP_Digest(text.data(), text.size(), digest.data(), &size, EVP_md5(), nullptr) != 1) {
    return base::Internal("MD5 is not available");
  }
  return static_cast<int64_t>(base::LoadBigEndian64(reinterpret_cast<const char*>(digest.data())));
}

// Takes `count` endpoints of a zone, whose sections are given, each as the owner of a random point or the
// next one behind it that is not yet taken.
void ChooseEndpoints(const std::vector<Section>& sections, int64_t seed, int64_t count,
                     std::vector<uint32_t>* chosen) {
  GoRandom random(seed);
  const auto first = static_cast<std::ptrdiff_t>(chosen->size());
  for (int64_t i = 0; i < count; ++i) {
    const uint64_t point = random.Uint64();
    const auto found =
        std::lower_bound(sections.begin(), sections.end(), point,
                         [](const Section& section, uint64_t hash) { return section.hash < hash; });
    size_t position = static_cast<size_t>(found - sections.begin());
    for (size_t step = 0; step < sections.size(); ++step, ++position) {
      const uint32_t endpoint = sections[position % sections.size()].endpoint;
      if (std::find(chosen->begin() + first, chosen->end(), endpoint) == chosen->end()) {
        chosen->push_back(endpoint);
        break;
      }
    }
  }
}

}  // namespace

base::StatusOr<std::shared_ptr<const Ring>> MakeHashmodRing(std::vector<Endpoint> endpoints) {
  for (const Endpoint& endpoint : endpoints) {
    if (!endpoint.az.empty()) {
      return base::InvalidArgument("hashmod does not support availability zones: use ketama or remove az of ",
                                   endpoint.address);
    }
  }
  std::stable_sort(endpoints.begin(), endpoints.end(),
                   [](const Endpoint& a, const Endpoint& b) { return a.address < b.address; });
  return std::make_shared<const Ring>(std::move(endpoints));
}

base::StatusOr<std::shared_ptr<const Ring>> MakeKetamaRing(std::vector<Endpoint> endpoints,
                                                           size_t replication_factor) {
  if (endpoints.empty() || endpoints.size() < replication_factor) {
    return base::InvalidArgument("ketama: ", endpoints.size(), " endpoints are not enough for ",
                                 replication_factor, " replicas");
  }
  std::vector<Section> sections;
  sections.reserve(endpoints.size() * kSectionsPerNode);
  for (uint32_t i = 0; i < endpoints.size(); ++i) {
    for (int k = 1; k <= kSectionsPerNode; ++k) {
      sections.push_back({base::XxHash64(base::Concat(endpoints[i].address, ":", k)), i});
    }
  }
  std::stable_sort(sections.begin(), sections.end(),
                   [](const Section& a, const Section& b) { return a.hash < b.hash; });
  const Zones zones(endpoints);
  std::vector<uint32_t> replicas;
  replicas.reserve(sections.size() * replication_factor);
  for (size_t i = 0; i < sections.size(); ++i) {
    if (!PlaceReplicas(sections, zones, i, replication_factor, &replicas)) {
      return base::InvalidArgument("ketama: ", replication_factor, " replicas cannot be spread evenly over ",
                                   zones.count, " availability zones of these sizes");
    }
  }
  return std::make_shared<const Ring>(std::move(endpoints), std::move(sections), std::move(replicas),
                                      replication_factor);
}

bool MatchesTenant(const std::vector<std::string>& names, TenantMatcher matcher, std::string_view tenant) {
  return std::any_of(names.begin(), names.end(), [&](const std::string& name) {
    if (matcher == TenantMatcher::kExact) {
      return name == tenant;
    }
    const auto matches = GlobMatch(name, tenant);
    return matches.ok() && *matches;
  });
}

int64_t ShardSizeOf(const ShuffleShardingConfig& config, std::string_view tenant) {
  for (const ShardSizeOverride& override : config.overrides) {
    if (override.matcher && MatchesTenant(override.tenants, *override.matcher, tenant)) {
      return override.shard_size;
    }
  }
  return config.shard_size;
}

base::StatusOr<std::shared_ptr<const Ring>> MakeShard(const Ring& base_ring,
                                                      const ShuffleShardingConfig& config,
                                                      std::string_view tenant, size_t replication_factor) {
  const std::vector<Endpoint>& endpoints = base_ring.endpoints();
  const auto zone_of = [&](const Endpoint& endpoint) {
    return config.zone_awareness_disabled ? std::string_view() : std::string_view(endpoint.az);
  };
  // Endpoints named twice count once.
  std::map<std::string_view, std::vector<const Endpoint*>> nodes_by_zone;
  for (const Endpoint& endpoint : endpoints) {
    std::vector<const Endpoint*>& nodes = nodes_by_zone[zone_of(endpoint)];
    if (std::none_of(nodes.begin(), nodes.end(), [&](const Endpoint* node) { return *node == endpoint; })) {
      nodes.push_back(&endpoint);
    }
  }
  std::map<std::string_view, std::vector<Section>> sections_by_zone;
  for (const Section& section : base_ring.sections()) {
    sections_by_zone[zone_of(endpoints[section.endpoint])].push_back(section);
  }
  const int64_t shard_size = ShardSizeOf(config, tenant);
  const auto num_zones = static_cast<int64_t>(nodes_by_zone.size());
  const int64_t take = config.zone_awareness_disabled ? shard_size : (shard_size + num_zones - 1) / num_zones;
  std::vector<Endpoint> chosen;
  for (const auto& [az, nodes] : nodes_by_zone) {
    if (take > static_cast<int64_t>(nodes.size())) {
      return base::FailedPrecondition("shard size ", shard_size, " of tenant ", tenant,
                                      " is larger than the number of endpoints in zone \"", az, "\" (",
                                      nodes.size(), ")");
    }
    TH_ASSIGN_OR_RETURN(const int64_t seed, ShardSeed(tenant, az));
    std::vector<uint32_t> indexes;
    ChooseEndpoints(sections_by_zone[az], seed, take, &indexes);
    for (const uint32_t index : indexes) {
      chosen.push_back(endpoints[index]);
    }
  }
  auto ring = MakeKetamaRing(std::move(chosen), replication_factor);
  if (!ring.ok()) {
    return base::FailedPrecondition("shard of tenant ", tenant, ": ", base::Message(ring.status()));
  }
  return ring;
}

}  // namespace internal
}  // namespace thanos::hashring
