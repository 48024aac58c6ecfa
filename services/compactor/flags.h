#pragma once

// The command-line flags of thanos-compact.

#include <cstdint>
#include <string>
#include <vector>

#include "app/flag_groups.h"
#include "config/flags.h"
#include "config/path_or_content.h"

namespace thanos::services {

// Fields are named like their flags; help texts are in flags.cc. Logging, tracing and server flags belong to
// app::Service.
struct CompactorFlags {
  app::ObjstoreFlags objstore;
  app::SelectorRelabelFlags selector_relabel;
  app::TimeRangeFlags time_range;
  app::WebFlags web;

  // What is kept.
  config::ExtDuration consistency_delay{std::chrono::minutes(30)};
  config::PromDuration retention_resolution_raw{};
  config::PromDuration retention_resolution_5m{};
  config::PromDuration retention_resolution_1h{};
  config::PromDuration delete_delay{std::chrono::hours(48)};

  // Compaction and downsampling.
  bool debug_halt_on_error = true;
  bool debug_accept_malformed_index = false;
  int64_t debug_max_compaction_level = 4;
  std::string data_dir = "./data";
  bool wait = false;
  config::ExtDuration wait_interval{std::chrono::minutes(5)};
  bool downsampling_disable = false;
  std::string block_discovery_strategy = "concurrent";
  int64_t block_meta_fetch_concurrency = 32;
  int64_t block_files_concurrency = 1;
  config::ExtDuration compact_cleanup_interval{std::chrono::minutes(5)};
  config::ExtDuration compact_progress_interval{std::chrono::minutes(5)};
  int64_t compact_concurrency = 1;
  int64_t compact_blocks_fetch_concurrency = 1;
  int64_t downsample_concurrency = 1;
  bool compact_enable_vertical_compaction = false;
  std::string deduplication_func;
  std::vector<std::string> deduplication_replica_label;
  config::ByteSize compact_block_max_index_size{int64_t{64} << 30};
  bool compact_skip_block_with_out_of_order_chunks = false;
  bool compact_quarantine_bad_blocks = false;  // ours
  std::string hash_func;

  // The block viewer.
  config::ExtDuration block_viewer_global_sync_block_interval{std::chrono::minutes(1)};
  config::ExtDuration block_viewer_global_sync_block_timeout{std::chrono::minutes(5)};
  bool web_disable = false;
  std::string bucket_web_label;
  bool disable_admin_operations = false;

  void AddTo(config::FlagSet& flags);

 private:
  void AddRetentionFlags(config::FlagSet& flags);
  void AddCompactionFlags(config::FlagSet& flags);
  void AddPageFlags(config::FlagSet& flags);
};

}  // namespace thanos::services
