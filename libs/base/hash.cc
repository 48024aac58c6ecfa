#define XXH_STATIC_LINKING_ONLY
#include "base/hash.h"

#include <new>
#include <xxhash.h>

namespace thanos::base {

static_assert(sizeof(XXH64_state_t) <= 128);

uint64_t XxHash64(std::string_view data) {
  return XXH64(data.data(), data.size(), 0);
}

XxHash64Stream::XxHash64Stream() {
  XXH64_reset(new (state_) XXH64_state_t, 0);
}
XxHash64Stream::~XxHash64Stream() = default;

void XxHash64Stream::Update(std::string_view data) {
  XXH64_update(reinterpret_cast<XXH64_state_t*>(state_), data.data(), data.size());
}

uint64_t XxHash64Stream::Digest() const {
  return XXH64_digest(reinterpret_cast<const XXH64_state_t*>(state_));
}

}  // namespace thanos::base
