#pragma once

// The sub-commands of thanos-tools and their command-line flags.

#include <cstdint>
#include <string>
#include <vector>

#include "app/flag_groups.h"
#include "config/flags.h"
#include "config/path_or_content.h"

namespace thanos::tools {

// Every sub-command has these; those that serve HTTP have them, and the HTTP flags, from their app::Service.
struct CommonToolFlags {
  app::LogFlags log;
  app::TracingFlags tracing;
  app::MemoryLimitFlags memory;
  void AddTo(config::FlagSet& flags);
};

// tools bucket cleanup
struct BucketCleanupFlags {
  CommonToolFlags common;
  app::ObjstoreFlags objstore;
  app::SelectorRelabelFlags selector_relabel;
  config::ExtDuration delete_delay{std::chrono::hours(48)};
  config::ExtDuration consistency_delay{std::chrono::minutes(30)};
  int64_t block_sync_concurrency = 20;
  void AddTo(config::FlagSet& flags);
};

// tools bucket downsample
struct BucketDownsampleFlags {
  app::ObjstoreFlags objstore;
  config::ExtDuration wait_interval{std::chrono::minutes(5)};
  int64_t downsample_concurrency = 1;
  int64_t block_files_concurrency = 1;
  std::string data_dir = "./data";
  std::string hash_func;
  void AddTo(config::FlagSet& flags);
};

// tools bucket inspect
struct BucketInspectFlags {
  CommonToolFlags common;
  app::ObjstoreFlags objstore;
  std::vector<std::string> selector;
  std::vector<std::string> sort_by = {"FROM", "UNTIL"};
  config::ExtDuration timeout{std::chrono::minutes(5)};
  std::string output = "table";
  void AddTo(config::FlagSet& flags);
};

// tools bucket ls
struct BucketLsFlags {
  CommonToolFlags common;
  app::ObjstoreFlags objstore;
  app::SelectorRelabelFlags selector_relabel;
  app::TimeRangeFlags time_range;
  std::string output;
  bool exclude_delete = false;
  config::ExtDuration timeout{std::chrono::minutes(5)};
  void AddTo(config::FlagSet& flags);
};

// tools bucket mark
struct BucketMarkFlags {
  CommonToolFlags common;
  app::ObjstoreFlags objstore;
  std::vector<std::string> id;
  std::string marker;
  std::string details;
  bool remove = false;
  void AddTo(config::FlagSet& flags);
};

// tools bucket replicate
struct BucketReplicateFlags {
  app::ObjstoreFlags objstore;
  app::TimeRangeFlags time_range;
  config::PathOrContent objstore_to_config{"objstore-to.config", true};
  std::vector<std::string> resolution = {"0s", "5m", "1h"};
  int64_t compaction_min = 1;
  int64_t compaction_max = 4;
  std::vector<std::string> compaction;
  std::string matcher;
  bool single_run = false;
  std::vector<std::string> id;
  bool ignore_marked_for_deletion = false;
  void AddTo(config::FlagSet& flags);
};

// tools bucket retention
struct BucketRetentionFlags {
  CommonToolFlags common;
  app::ObjstoreFlags objstore;
  app::SelectorRelabelFlags selector_relabel;
  config::ExtDuration delete_delay{std::chrono::hours(48)};
  config::ExtDuration consistency_delay{std::chrono::minutes(30)};
  int64_t block_sync_concurrency = 20;
  config::PromDuration retention_resolution_raw{};
  config::PromDuration retention_resolution_5m{};
  config::PromDuration retention_resolution_1h{};
  void AddTo(config::FlagSet& flags);
};

// tools bucket rewrite
struct BucketRewriteFlags {
  CommonToolFlags common;
  app::ObjstoreFlags objstore;
  std::vector<std::string> id;
  std::string tmp_dir = "/tmp/thanos-rewrite";
  bool dry_run = true;
  bool prom_blocks = false;
  bool delete_blocks = false;
  std::string hash_func;
  config::PathOrContent rewrite_to_delete_config{"rewrite.to-delete-config", true};
  config::PathOrContent rewrite_to_relabel_config{"rewrite.to-relabel-config", true};
  bool rewrite_add_change_log = true;
  void AddTo(config::FlagSet& flags);
};

// tools bucket upload-blocks
struct BucketUploadBlocksFlags {
  CommonToolFlags common;
  app::ObjstoreFlags objstore;
  std::string path = "./data";
  std::vector<std::string> label;
  bool shipper_upload_compacted = false;
  int64_t shipper_upload_concurrency = 5;
  void AddTo(config::FlagSet& flags);
};

// tools bucket verify
struct BucketVerifyFlags {
  CommonToolFlags common;
  app::ObjstoreFlags objstore;
  config::PathOrContent objstore_backup_config{"objstore-backup.config", true};
  bool repair = false;
  std::vector<std::string> issues = {"index_known_issues", "overlapped_blocks"};
  std::vector<std::string> id;
  config::PromDuration delete_delay{};
  void AddTo(config::FlagSet& flags);
};

// tools bucket web
struct BucketWebFlags {
  app::ObjstoreFlags objstore;
  app::SelectorRelabelFlags selector_relabel;
  app::TimeRangeFlags time_range;
  app::WebFlags web;
  config::ExtDuration refresh{std::chrono::minutes(30)};
  config::ExtDuration timeout{std::chrono::minutes(5)};
  std::string label;
  bool disable_admin_operations = false;
  void AddTo(config::FlagSet& flags);
};

// tools rules-check
struct RulesCheckFlags {
  CommonToolFlags common;
  std::vector<std::string> rules;
  void AddTo(config::FlagSet& flags);
};

}  // namespace thanos::tools
