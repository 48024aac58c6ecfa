#pragma once

#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/bytes.h"
#include "base/cancel.h"
#include "base/strings.h"

namespace thanos::cache {

// Bytes by key, which may vanish at any time. Thread-safe.
class Cache {
 public:
  virtual ~Cache() = default;
  // Of this cache, for logs and metrics.
  virtual std::string_view name() const = 0;

  // Keeps the value for at most `ttl`. May do nothing, and may do it later. `value` is kept as it is: it
  // should not be a small part of a large buffer.
  virtual void Store(std::string_view key, base::SharedBytes value, base::Duration ttl) = 0;
  // The values that are there, by key. Trouble of a cache looks like absence.
  virtual base::StringMap<base::SharedBytes> Fetch(const base::CancelToken& cancel,
                                                   std::span<const std::string> keys) = 0;
};

}  // namespace thanos::cache
