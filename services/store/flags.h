#pragma once

// The command-line flags of thanos-store.

#include <cstdint>
#include <string>
#include <vector>

#include "app/flag_groups.h"
#include "config/flags.h"
#include "config/path_or_content.h"

namespace thanos::services {

// Fields are named like their flags; help texts are in flags.cc. Logging, tracing and server flags belong to
// app::Service.
struct StoreFlags {
  app::ObjstoreFlags objstore;
  app::RequestLoggingFlags request_logging;
  app::SelectorRelabelFlags selector_relabel;
  app::StoreLimitFlags store_limits;
  app::TimeRangeFlags time_range;
  app::WebFlags web;

  // Caches.
  bool cache_index_header = true;
  config::ByteSize index_cache_size{int64_t{250} << 20};
  config::PathOrContent index_cache_config{"index-cache.config", true};
  config::PathOrContent store_caching_bucket_config{"store.caching-bucket.config", true};
  config::ByteSize chunk_pool_size{int64_t{2} << 30};
  int64_t matcher_cache_size = 0;

  // Index-headers and postings.
  int64_t store_index_header_posting_offsets_in_mem_sampling = 32;
  bool store_enable_index_header_lazy_reader = false;
  config::ExtDuration store_index_header_lazy_reader_idle_timeout{std::chrono::minutes(5)};
  bool store_enable_lazy_expanded_postings = false;
  double store_posting_group_max_key_series_ratio = 100;
  std::string store_index_header_lazy_download_strategy = "eager";

  // Limits and sizes of requests.
  int64_t store_grpc_touched_series_limit = 0;
  int64_t store_grpc_series_sample_limit = 0;
  config::ByteSize store_grpc_downloaded_bytes_limit{};
  int64_t store_grpc_series_max_concurrency = 20;
  int64_t debug_series_batch_size = 10000;
  int64_t debug_estimated_max_series_size = 65536;
  int64_t debug_estimated_max_chunk_size = 16000;
  bool debug_advertise_compatibility_label = true;

  // The set of blocks.
  std::string data_dir = "./data";
  config::ExtDuration sync_block_duration{std::chrono::minutes(15)};
  std::string block_discovery_strategy = "concurrent";
  int64_t block_sync_concurrency = 20;
  int64_t block_meta_fetch_concurrency = 32;
  config::PromDuration consistency_delay{};
  config::PromDuration ignore_deletion_marks_delay{std::chrono::hours(24)};

  // The block viewer.
  bool web_disable = false;
  std::string bucket_web_label;
  bool disable_admin_operations = false;

  void AddTo(config::FlagSet& flags);

 private:
  void AddCacheFlags(config::FlagSet& flags);
  void AddIndexHeaderFlags(config::FlagSet& flags);
  void AddRequestFlags(config::FlagSet& flags);
  void AddSyncFlags(config::FlagSet& flags);
  void AddPageFlags(config::FlagSet& flags);
};

}  // namespace thanos::services
