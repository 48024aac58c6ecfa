#pragma once

// Invariants of our own code. Never applied to input from a file, bucket, peer or user: that returns a
// Status.

namespace thanos::base {

// Prints the failed condition with its place and aborts.
[[noreturn]] void CheckFailed(const char* condition, const char* file, int line);

}  // namespace thanos::base

#define TH_CHECK(condition)                                        \
  do {                                                             \
    if (!(condition)) [[unlikely]] {                               \
      ::thanos::base::CheckFailed(#condition, __FILE__, __LINE__); \
    }                                                              \
  } while (false)

// Like TH_CHECK in debug builds, nothing in release builds; for hot loops.
#ifdef NDEBUG
#define TH_DCHECK(condition)    \
  do {                          \
    if (false && (condition)) { \
    }                           \
  } while (false)
#else
#define TH_DCHECK(condition) TH_CHECK(condition)
#endif
