#include "services/compactor/flags.h"

namespace thanos::services {

void CompactorFlags::AddTo(config::FlagSet& flags) {
  objstore.AddTo(flags);
  selector_relabel.AddTo(flags);
  time_range.AddTo(flags);
  web.AddTo(flags, true);
  AddRetentionFlags(flags);
  AddCompactionFlags(flags);
  AddPageFlags(flags);
}

void CompactorFlags::AddRetentionFlags(config::FlagSet& flags) {
  flags.Add("consistency-delay", &consistency_delay,
            "Minimum age of a freshly uploaded block before it is considered.");
  flags.Add("retention.resolution-raw", &retention_resolution_raw,
            "How long raw blocks are kept, 0d is forever.");
  flags.Add("retention.resolution-5m", &retention_resolution_5m,
            "How long 5m blocks are kept, 0d is forever.");
  flags.Add("retention.resolution-1h", &retention_resolution_1h,
            "How long 1h blocks are kept, 0d is forever.");
  flags.Add("delete-delay", &delete_delay, "Time between the deletion mark and the deletion.");
}

void CompactorFlags::AddCompactionFlags(config::FlagSet& flags) {
  flags.Add("debug.halt-on-error", &debug_halt_on_error,
            "Stop working for good after a critical error instead of exiting.", {.hidden = true});
  flags.Add("debug.accept-malformed-index", &debug_accept_malformed_index,
            "Tolerate out-of-order label names in indexes.", {.hidden = true});
  flags.Add("debug.max-compaction-level", &debug_max_compaction_level,
            "Highest level of the 1h 2h 8h 2d 14d ladder.", {.hidden = true});
  flags.Add("data-dir", &data_dir, "Local working directory.");
  flags.Add("wait", &wait, "Keep running and repeat instead of exiting.", {.short_name = 'w'});
  flags.Add("wait-interval", &wait_interval, "Pause between iterations.");
  flags.Add("downsampling.disable", &downsampling_disable, "Do not downsample.");
  flags.AddEnum("block-discovery-strategy", &block_discovery_strategy, {"concurrent", "recursive"},
                "List block dirs one by one in parallel, or list everything recursively.");
  flags.Add("block-meta-fetch-concurrency", &block_meta_fetch_concurrency, "Parallel meta.json reads.");
  flags.Add("block-files-concurrency", &block_files_concurrency, "Files of a block transferred in parallel.");
  flags.Add("compact.cleanup-interval", &compact_cleanup_interval,
            "Period of the background cleanup, 0s turns it off.");
  flags.Add("compact.progress-interval", &compact_progress_interval,
            "Period of the progress metrics, 0s turns it off.");
  flags.Add("compact.concurrency", &compact_concurrency, "Groups compacted in parallel.");
  flags.Add("compact.blocks-fetch-concurrency", &compact_blocks_fetch_concurrency,
            "Blocks of one plan downloaded in parallel.");
  flags.Add("downsample.concurrency", &downsample_concurrency, "Blocks downsampled in parallel.");
  flags.Add("compact.enable-vertical-compaction", &compact_enable_vertical_compaction,
            "Merge overlapping blocks.", {.hidden = true});
  flags.AddEnum("deduplication.func", &deduplication_func, {"", "penalty"},
                "How overlapping replicas are merged.");
  flags.Add("deduplication.replica-label", &deduplication_replica_label,
            "External label dropped to merge replicas offline.");
  flags.Add("compact.block-max-index-size", &compact_block_max_index_size,
            "Largest expected index of a compaction result.", {.hidden = true});
  flags.Add("compact.skip-block-with-out-of-order-chunks", &compact_skip_block_with_out_of_order_chunks,
            "Mark such a block no-compact instead of halting.", {.hidden = true});
  flags.Add("compact.quarantine-bad-blocks", &compact_quarantine_bad_blocks,
            "Set bad blocks aside with a mark instead of halting, and go on with the others.");
  flags.AddEnum("hash-func", &hash_func, {"SHA256", ""}, "Hash stored in meta.json per block file.");
}

void CompactorFlags::AddPageFlags(config::FlagSet& flags) {
  flags.Add("block-viewer.global.sync-block-interval", &block_viewer_global_sync_block_interval,
            "Refresh period of the global block view.");
  flags.Add("block-viewer.global.sync-block-timeout", &block_viewer_global_sync_block_timeout,
            "Time limit of such a refresh.");
  flags.Add("web.disable", &web_disable, "Do not serve the block viewer.");
  flags.Add("bucket-web-label", &bucket_web_label, "External label used to group blocks in the viewer.");
  flags.Add("disable-admin-operations", &disable_admin_operations,
            "Refuse marking blocks through API and UI.");
}

}  // namespace thanos::services
