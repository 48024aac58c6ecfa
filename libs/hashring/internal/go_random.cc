#include "hashring/internal/go_random.h"

#include <cstddef>
#include <vector>

namespace thanos::hashring::internal {
namespace {

constexpr int kLength = GoRandom::kLength;
constexpr int kTap = GoRandom::kTap;
using State = std::array<uint64_t, kLength>;

constexpr int64_t kModulus = (int64_t{1} << 31) - 1;
constexpr int64_t kMultiplier = 48271;

// The generator's own state mask is its state after this many steps from seed 1.
constexpr uint64_t kWarmUpSteps = 7'800'000'000'000;

// Fills `state` from the Lehmer generator of `seed`: three values to a word, 20 rounds thrown away first.
void FillFromLehmer(int64_t seed, int high_shift, int middle_shift, State* state) {
  int64_t x = seed;
  const auto next = [&x] {
    x = x * kMultiplier % kModulus;
    return static_cast<uint64_t>(x);
  };
  for (int i = 0; i < 20; ++i) {
    next();
  }
  for (uint64_t& word : *state) {
    word = next() << high_shift;
    word ^= next() << middle_shift;
    word ^= next();
  }
}

// Polynomials of degree below kLength modulo x^607 = x^334 + 1, which is the recurrence read as x^n ~ y[n].
using Polynomial = State;

Polynomial Reduce(std::vector<uint64_t> product) {
  for (size_t i = product.size(); i-- > kLength;) {
    product[i - kLength] += product[i];
    product[i - kTap] += product[i];
  }
  Polynomial result{};
  for (size_t i = 0; i < kLength && i < product.size(); ++i) {
    result[i] = product[i];
  }
  return result;
}

Polynomial Square(const Polynomial& a) {
  std::vector<uint64_t> product(2 * kLength - 1);
  for (size_t i = 0; i < kLength; ++i) {
    for (size_t j = 0; j < kLength; ++j) {
      product[i + j] += a[i] * a[j];
    }
  }
  return Reduce(std::move(product));
}

Polynomial TimesX(const Polynomial& a) {
  std::vector<uint64_t> product(kLength + 1);
  for (size_t i = 0; i < kLength; ++i) {
    product[i + 1] = a[i];
  }
  return Reduce(std::move(product));
}

// x^exponent.
Polynomial Power(uint64_t exponent) {
  Polynomial result{};
  result[0] = 1;
  for (int bit = 63 - __builtin_clzll(exponent); bit >= 0; --bit) {
    result = Square(result);
    if ((exponent >> bit & 1) != 0) {
      result = TimesX(result);
    }
  }
  return result;
}

// Where y[n] lies in the generator's array, with the first value made being y[kLength].
size_t Slot(uint64_t n) {
  constexpr uint64_t kFeedBegin = kLength - kTap - 1;
  const uint64_t steps = (n - kLength) % kLength;
  return static_cast<size_t>((kFeedBegin + kLength - steps) % kLength);
}

// The words that seeds are mixed with. Computed by jumping ahead instead of making all the steps.
State MakeMask() {
  State start;
  FillFromLehmer(1, 20, 10, &start);
  std::vector<uint64_t> y(2 * kLength);
  for (uint64_t n = 0; n < kLength; ++n) {
    y[n] = start[Slot(n + kLength)];
  }
  for (size_t n = kLength; n < y.size(); ++n) {
    y[n] = y[n - kLength] + y[n - kTap];
  }
  const Polynomial jump = Power(kWarmUpSteps);
  State mask{};
  for (uint64_t n = 0; n < kLength; ++n) {
    uint64_t word = 0;
    for (size_t i = 0; i < kLength; ++i) {
      word += jump[i] * y[i + n];
    }
    mask[Slot(n + kWarmUpSteps + kLength)] = word;
  }
  return mask;
}

const State& Mask() {
  static const State mask = MakeMask();
  return mask;
}

}  // namespace

GoRandom::GoRandom(int64_t seed) {
  seed %= kModulus;
  seed += seed < 0 ? kModulus : 0;
  FillFromLehmer(seed == 0 ? 89482311 : seed, 40, 20, &state_);
  const State& mask = Mask();
  for (size_t i = 0; i < kLength; ++i) {
    state_[i] ^= mask[i];
  }
}

uint64_t GoRandom::Uint64() {
  tap_ = tap_ == 0 ? kLength - 1 : tap_ - 1;
  feed_ = feed_ == 0 ? kLength - 1 : feed_ - 1;
  uint64_t& slot = state_[static_cast<size_t>(feed_)];
  slot += state_[static_cast<size_t>(tap_)];
  return slot;
}

}  // namespace thanos::hashring::internal
