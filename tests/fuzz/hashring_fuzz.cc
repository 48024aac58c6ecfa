// A hashring file, and tenants asked of what it describes.
#include <cstddef>
#include <cstdint>
#include <string_view>

#include "hashring/hashring.h"

namespace {
namespace hashring = thanos::hashring;
constexpr size_t kMaxEndpoints = 20;
}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  auto configs = hashring::ParseConfig(text);
  if (!configs.ok()) {
    return 0;
  }
  size_t num_endpoints = 0;
  for (const hashring::RingConfig& config : *configs) {
    num_endpoints += config.endpoints.size();
  }
  if (num_endpoints > kMaxEndpoints) {
    return 0;
  }
  auto rings = hashring::Hashring::Create(*std::move(configs), hashring::Algorithm::kHashmod, 2);
  if (!rings.ok()) {
    return 0;
  }
  for (const std::string_view tenant : {std::string_view("default-tenant"), text.substr(0, 10)}) {
    const auto ring = (*rings)->RingOf(tenant);
    for (size_t replica = 0; ring.ok() && replica < (*ring)->num_replicas() && replica < 2; ++replica) {
      if ((*ring)->Find(hashring::SeriesHash(tenant, {}), replica) >= (*ring)->endpoints().size()) {
        __builtin_trap();
      }
    }
  }
  return 0;
}
