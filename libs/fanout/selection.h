#pragma once

// Which stores a request concerns.

#include <cstdint>
#include <optional>
#include <vector>

#include "fanout/store_provider.h"
#include "labels/matcher.h"

namespace thanos::fanout {

struct Selection {
  int64_t min_time_ms;  // both inclusive
  int64_t max_time_ms;
  const std::vector<labels::Matcher>& matchers;
  // One of these sets must accept __address__; empty: no condition.
  const std::vector<std::vector<labels::Matcher>>& store_matchers;
};

// False when `store` cannot hold anything `selection` asks for: other times, every label set contradicts a
// matcher, or the store matchers exclude it. A label that a set lacks never contradicts; a store without
// label sets may hold anything.
bool MayHold(const StoreRef& store, const Selection& selection);

// `matchers` without those that `selector_labels` satisfy; nothing when one contradicts them.
std::optional<std::vector<labels::Matcher>> ApplySelectorLabels(const std::vector<labels::Matcher>& matchers,
                                                                labels::LabelSpan selector_labels);

}  // namespace thanos::fanout
