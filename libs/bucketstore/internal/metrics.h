#pragma once

#include "telemetry/metrics.h"

namespace thanos::bucketstore::internal {

// The thanos_bucket_store_* instruments. Thread-safe.
struct Metrics {
  explicit Metrics(telemetry::Registry& registry);

  telemetry::Gauge& blocks_loaded;
  telemetry::Gauge& last_loaded;
  telemetry::Counter& block_loads;
  telemetry::Counter& block_load_failures;
  telemetry::Counter& block_drops;
  telemetry::Counter& block_drop_failures;
  telemetry::Histogram& block_load_duration;
  telemetry::Histogram& header_download_duration;
  telemetry::Histogram& header_load_duration;
  telemetry::Histogram& series_blocks_queried;
  telemetry::Histogram& series_result_series;
  telemetry::Histogram& get_all_duration;
  telemetry::Histogram& merge_duration;
  telemetry::Histogram& postings_touched;
  telemetry::Histogram& series_touched;
  telemetry::Histogram& chunks_touched;
  telemetry::Histogram& postings_touched_bytes;
  telemetry::Histogram& series_touched_bytes;
  telemetry::Histogram& chunks_touched_bytes;
  telemetry::Histogram& postings_fetched_bytes;
  telemetry::Histogram& series_fetched_bytes;
  telemetry::Histogram& chunks_fetched_bytes;
  telemetry::Histogram& postings_fetched;
  telemetry::Histogram& series_fetched;
  telemetry::Histogram& chunks_fetched;
  telemetry::Histogram& sent_chunk_bytes;  // of the chunks of one series
  telemetry::Counter& dropped_series;
  telemetry::Counter& dropped_chunks;
  telemetry::Counter& dropped_bytes;
  telemetry::Counter& empty_postings;
  telemetry::Counter& series_refetches;
  telemetry::Counter& chunk_refetches;
  telemetry::Gauge& gate_in_flight;
  telemetry::Gauge& gate_max;
  telemetry::Counter& gate_total;
  telemetry::Histogram& gate_duration;
  telemetry::Histogram& postings_fetch_duration;
  telemetry::Histogram& postings_size;  // bytes of the lists of one block and request
  // Of one round of reads, and of all rounds of a request.
  telemetry::Histogram& series_fetch_duration;
  telemetry::Histogram& series_fetch_duration_sum;
  telemetry::Histogram& chunks_fetch_duration;
  telemetry::Histogram& chunks_fetch_duration_sum;
  telemetry::Counter& lazy_loads;
  telemetry::Counter& lazy_load_failures;
  telemetry::Counter& lazy_unloads;
  telemetry::Histogram& lazy_load_duration;
  telemetry::Counter& lazy_postings;  // expansions that left something unread
  telemetry::Counter& lazy_postings_bytes;
  telemetry::Counter& lazy_overfetched_bytes;  // of series that were read in vain for it
  telemetry::Counter& lazy_groups_keys_limit;
  telemetry::Counter& lazy_groups_postings_size;
  // Blocks whose bytes turned out to be damaged while a request read them.
  telemetry::Counter& corrupt_blocks;
};

}  // namespace thanos::bucketstore::internal
