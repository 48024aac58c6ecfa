#pragma once

// The generator of Go's math/rand (version 1), which decides the shards of tenants; private to this library.

#include <array>
#include <cstdint>

namespace thanos::hashring::internal {

// An additive lagged Fibonacci generator: y[n] = y[n-607] + y[n-273] modulo 2^64. Not thread-safe.
class GoRandom {
 public:
  static constexpr int kLength = 607;
  static constexpr int kTap = 273;

  explicit GoRandom(int64_t seed);
  uint64_t Uint64();
  int64_t Int63() { return static_cast<int64_t>(Uint64() & (~uint64_t{0} >> 1)); }

 private:
  std::array<uint64_t, kLength> state_;
  int tap_ = 0;
  int feed_ = kLength - kTap;
};

}  // namespace thanos::hashring::internal
