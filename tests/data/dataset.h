#pragma once

// Generated series of an HA pair: what replicas a and b scraped of the same targets, with scrape jitter,
// counter resets, gaps and stale markers; and a plain model of what de-duplication must make of them.

#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include "labels/labels.h"

namespace thanos::testdata {

struct Sample {
  int64_t timestamp_ms = 0;
  double value = 0;
};

struct GeneratedSeries {
  labels::Labels labels;  // without external labels
  std::vector<Sample> replicas[2];
};

struct DatasetOptions {
  uint64_t seed = 1;
  int num_series = 2000;
  int64_t start_ms = 0;  // multiple of two hours
  int64_t end_ms = 0;
  int64_t interval_ms = 30'000;
  // Replica b scrapes this much later; jitter is at most 50 ms on both.
  int64_t replica_offset_ms = 7'000;
};

// In label order.
std::vector<GeneratedSeries> Generate(const DatasetOptions& options);

// A run of at most 120 samples inside one two-hour block: how the blocks of one replica cut a series.
using ChunkOfSamples = std::vector<Sample>;
std::vector<ChunkOfSamples> CutIntoChunks(const std::vector<Sample>& samples);

// Thanos' penalty de-duplication, written as its rule reads, one sample at a time: overlapping chunks form
// lanes, lanes are folded pairwise. With `counter`, values are lifted at a switch of lanes so that they do
// not fall there.
std::vector<Sample> PlainDeduplicate(const std::vector<Sample>& a, const std::vector<Sample>& b,
                                     bool counter);

}  // namespace thanos::testdata
