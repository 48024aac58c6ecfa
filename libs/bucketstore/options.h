#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <string>

#include "base/clock.h"
#include "bucketstore/index_cache_config.h"
#include "model/time_range.h"

namespace thanos::bucketstore {

// Of one Series call; 0 is no limit.
struct Limits {
  int64_t max_series = 0;   // series touched, over all blocks
  int64_t max_samples = 0;  // counted as 120 per chunk
  int64_t max_bytes = 0;    // fetched from the bucket
};

struct Options {
  std::string data_directory;
  // Index-headers as files below data_directory; else in memory only.
  bool cache_index_headers = true;
  // Map an index-header on its first use, and unmap it after this idle time (at the next Sync).
  bool lazy_index_headers = false;
  base::Duration index_header_idle_timeout = std::chrono::minutes(5);
  // Build an index-header on its first use rather than at load.
  bool lazy_index_header_download = false;
  // Of the postings offset tables, the position of every so-manieth value is kept in memory.
  size_t postings_sampling = 32;
  size_t block_sync_concurrency = 20;
  int max_concurrent_series = 20;
  Limits limits;
  IndexCacheConfig index_cache;
  // Requests are cut to this range, which may move with time. Cheap, thread-safe; null: everything.
  std::function<model::ClosedRange()> served_range;
  // Announce the label set that old queriers know bucket stores by.
  bool advertise_compatibility_label = true;
  // Leave postings unread where looking at the series themselves is cheaper; a group of more lists than this
  // ratio times the expected series is left unread in any case.
  bool lazy_expanded_postings = false;
  double posting_group_max_key_series_ratio = 100;
  // Memory for chunks of a bucket on other machines that all requests may hold together; 0 is no limit.
  int64_t chunk_pool_bytes = int64_t{2} << 30;
  // First guesses of the sizes of one series entry and one chunk, for reads whose length is not known yet.
  int64_t series_guess_bytes = 64 * 1024;
  int64_t chunk_guess_bytes = 16000;
  // Series and chunks of one batch of one block.
  size_t max_batch_series = 256;
  // Batches grow up to this many series when each costs a round trip to other machines.
  size_t max_remote_batch_series = 10'000;
  size_t max_batch_chunks = 8192;
};

}  // namespace thanos::bucketstore
