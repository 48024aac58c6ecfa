#pragma once

#include <cstdint>
#include <string_view>

namespace thanos::base {

// xxhash64 with seed 0, the hash of Prometheus and Thanos.
uint64_t XxHash64(std::string_view data);

// Feeds xxhash64 piece by piece; the same result as XxHash64 over the concatenation. Small inputs stay on the
// stack.
class XxHash64Stream {
 public:
  XxHash64Stream();
  ~XxHash64Stream();
  XxHash64Stream(const XxHash64Stream&) = delete;
  XxHash64Stream& operator=(const XxHash64Stream&) = delete;
  void Update(std::string_view data);
  uint64_t Digest() const;

 private:
  alignas(16) char state_[128];
};

}  // namespace thanos::base
