#pragma once

// The header of histogram chunks, private to this library:
//   count 2 bytes | flags 1 byte | zero threshold | schema | positive spans | negative spans | custom bounds
//   (schema -53)
// Flags: the top two bits are 00 unknown, 10 counter reset, 01 no reset, 11 gauge.

#include <cstdint>
#include <string_view>

#include "chunkenc/varbit.h"
#include "model/histogram.h"

namespace thanos::chunkenc::internal {

inline constexpr size_t kHistogramHeaderBytes = 3;

uint8_t FlagsOf(model::CounterResetHint hint);
model::CounterResetHint HintOf(uint8_t flags);

void WriteLayout(encoding::BitWriter& writer, const model::Histogram& histogram);

// Fills schema, zero threshold, spans and custom bounds. False when damaged, or when more buckets are
// described than the remaining bits can hold at `min_bits_per_bucket`.
[[nodiscard]] bool ReadLayout(encoding::BitReader& reader, unsigned min_bits_per_bucket,
                              model::Histogram* histogram);

}  // namespace thanos::chunkenc::internal
