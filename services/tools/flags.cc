#include "services/tools/flags.h"

namespace thanos::tools {

void CommonToolFlags::AddTo(config::FlagSet& flags) {
  log.AddTo(flags);
  tracing.AddTo(flags);
  memory.AddTo(flags);
}

void BucketCleanupFlags::AddTo(config::FlagSet& flags) {
  common.AddTo(flags);
  objstore.AddTo(flags);
  selector_relabel.AddTo(flags);
  flags.Add("delete-delay", &delete_delay, "Time between the deletion mark and the deletion.");
  flags.Add("consistency-delay", &consistency_delay,
            "Minimum age of a freshly uploaded block before it is considered.");
  flags.Add("block-sync-concurrency", &block_sync_concurrency, "Parallel block loads or metadata reads.");
}

void BucketDownsampleFlags::AddTo(config::FlagSet& flags) {
  objstore.AddTo(flags);
  flags.Add("wait-interval", &wait_interval, "Pause between iterations.");
  flags.Add("downsample.concurrency", &downsample_concurrency, "Blocks downsampled in parallel.");
  flags.Add("block-files-concurrency", &block_files_concurrency, "Files of a block transferred in parallel.");
  flags.Add("data-dir", &data_dir, "Local working directory.");
  flags.AddEnum("hash-func", &hash_func, {"SHA256", ""}, "Hash stored in meta.json per block file.");
}

void BucketInspectFlags::AddTo(config::FlagSet& flags) {
  common.AddTo(flags);
  objstore.AddTo(flags);
  flags.Add("selector", &selector, "Show only blocks with this label (short -l).", {.short_name = 'l'});
  flags.Add("sort-by", &sort_by, "Sort columns.");
  flags.Add("timeout", &timeout, "Time limit of reading metadata.");
  flags.AddEnum("output", &output, {"table", "csv", "tsv"}, "Output format.");
}

void BucketLsFlags::AddTo(config::FlagSet& flags) {
  common.AddTo(flags);
  objstore.AddTo(flags);
  selector_relabel.AddTo(flags);
  time_range.AddTo(flags);
  flags.Add("output", &output, "Output format.", {.short_name = 'o'});
  flags.Add("exclude-delete", &exclude_delete, "Hide blocks marked for deletion.");
  flags.Add("timeout", &timeout, "Time limit of reading metadata.");
}

void BucketMarkFlags::AddTo(config::FlagSet& flags) {
  common.AddTo(flags);
  objstore.AddTo(flags);
  flags.Add("id", &id, "Block ULID.");
  flags.AddEnum("marker", &marker, {"deletion-mark.json", "no-compact-mark.json", "no-downsample-mark.json"},
                "Which marker file.");
  flags.Add("details", &details, "Text stored in the marker.");
  flags.Add("remove", &remove, "Remove the marker instead.");
}

void BucketReplicateFlags::AddTo(config::FlagSet& flags) {
  objstore.AddTo(flags);
  time_range.AddTo(flags);
  objstore_to_config.AddTo(flags, "bucket configuration");
  flags.Add("resolution", &resolution, "Resolution to copy.");
  flags.Add("compaction-min", &compaction_min, "Lowest compaction level to copy.");
  flags.Add("compaction-max", &compaction_max, "Highest compaction level to copy.");
  flags.Add("compaction", &compaction, "Exact compaction level to copy.");
  flags.Add("matcher", &matcher, "Label matcher on external labels.");
  flags.Add("single-run", &single_run, "Run once.");
  flags.Add("id", &id, "Block ULID.");
  flags.Add("ignore-marked-for-deletion", &ignore_marked_for_deletion,
            "Leave out blocks with a deletion mark.");
}

void BucketRetentionFlags::AddTo(config::FlagSet& flags) {
  common.AddTo(flags);
  objstore.AddTo(flags);
  selector_relabel.AddTo(flags);
  flags.Add("delete-delay", &delete_delay, "Time between the deletion mark and the deletion.");
  flags.Add("consistency-delay", &consistency_delay,
            "Minimum age of a freshly uploaded block before it is considered.");
  flags.Add("block-sync-concurrency", &block_sync_concurrency, "Parallel block loads or metadata reads.");
  flags.Add("retention.resolution-raw", &retention_resolution_raw,
            "How long raw blocks are kept, 0d is forever.");
  flags.Add("retention.resolution-5m", &retention_resolution_5m,
            "How long 5m blocks are kept, 0d is forever.");
  flags.Add("retention.resolution-1h", &retention_resolution_1h,
            "How long 1h blocks are kept, 0d is forever.");
}

void BucketRewriteFlags::AddTo(config::FlagSet& flags) {
  common.AddTo(flags);
  objstore.AddTo(flags);
  flags.Add("id", &id, "Block ULID.");
  flags.Add("tmp.dir", &tmp_dir, "Scratch directory.");
  flags.Add("dry-run", &dry_run, "Only print the change.");
  flags.Add("prom-blocks", &prom_blocks, "Do not require external labels.");
  flags.Add("delete-blocks", &delete_blocks, "Mark the originals for deletion afterwards.");
  flags.AddEnum("hash-func", &hash_func, {"SHA256", ""}, "Hash stored in meta.json per block file.");
  rewrite_to_delete_config.AddTo(flags, "deletion requests configuration");
  rewrite_to_relabel_config.AddTo(flags, "relabel rules applied to series");
  flags.Add("rewrite.add-change-log", &rewrite_add_change_log,
            "Write every change into a change log in the new block.");
}

void BucketUploadBlocksFlags::AddTo(config::FlagSet& flags) {
  common.AddTo(flags);
  objstore.AddTo(flags);
  flags.Add("path", &path, "Directory with the blocks.");
  flags.Add("label", &label, "External label name=\"value\".");
  flags.Add("shipper.upload-compacted", &shipper_upload_compacted,
            "Also ship blocks above compaction level 1.");
  flags.Add("shipper.upload-concurrency", &shipper_upload_concurrency,
            "Files of a block uploaded in parallel.");
}

void BucketVerifyFlags::AddTo(config::FlagSet& flags) {
  common.AddTo(flags);
  objstore.AddTo(flags);
  objstore_backup_config.AddTo(flags, "bucket configuration");
  flags.Add("repair", &repair, "Try to repair what was found.", {.short_name = 'r'});
  flags.Add("issues", &issues, "Checks to run.", {.short_name = 'i'});
  flags.Add("id", &id, "Block ULID.");
  flags.Add("delete-delay", &delete_delay, "Time between the deletion mark and the deletion.");
}

void BucketWebFlags::AddTo(config::FlagSet& flags) {
  objstore.AddTo(flags);
  selector_relabel.AddTo(flags);
  time_range.AddTo(flags);
  web.AddTo(flags, true);
  flags.Add("refresh", &refresh, "Refresh period of the block view.");
  flags.Add("timeout", &timeout, "Time limit of reading metadata.");
  flags.Add("label", &label, "External label name=\"value\".");
  flags.Add("disable-admin-operations", &disable_admin_operations,
            "Refuse marking blocks through API and UI.");
}

void RulesCheckFlags::AddTo(config::FlagSet& flags) {
  common.AddTo(flags);
  flags.Add("rules", &rules, "Rule file glob to check.");
}

}  // namespace thanos::tools
