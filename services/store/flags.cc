#include "services/store/flags.h"

namespace thanos::services {

void StoreFlags::AddTo(config::FlagSet& flags) {
  objstore.AddTo(flags);
  request_logging.AddTo(flags);
  selector_relabel.AddTo(flags);
  store_limits.AddTo(flags);
  time_range.AddTo(flags);
  web.AddTo(flags, false);
  AddCacheFlags(flags);
  AddIndexHeaderFlags(flags);
  AddRequestFlags(flags);
  AddSyncFlags(flags);
  AddPageFlags(flags);
}

void StoreFlags::AddCacheFlags(config::FlagSet& flags) {
  flags.Add("cache-index-header", &cache_index_header,
            "Keep index-headers on disk rather than only in memory.");
  flags.Add("index-cache-size", &index_cache_size, "Size of the default in-memory index cache.");
  index_cache_config.AddTo(flags, "the index cache");
  store_caching_bucket_config.AddTo(flags, "the caching bucket", {.hidden = true});
  flags.Add("chunk-pool-size", &chunk_pool_size, "Ceiling of the reusable chunk buffer pool.");
  flags.Add("matcher-cache-size", &matcher_cache_size, "Entries of the parsed matcher cache, 0 is off.",
            {.no_effect = true});
}

void StoreFlags::AddIndexHeaderFlags(config::FlagSet& flags) {
  flags.Add("store.index-header-posting-offsets-in-mem-sampling",
            &store_index_header_posting_offsets_in_mem_sampling, "Keep one of N posting offsets in memory.",
            {.hidden = true});
  flags.Add("store.enable-index-header-lazy-reader", &store_enable_index_header_lazy_reader,
            "Map an index-header only when a query needs it.");
  flags.Add("store.index-header-lazy-reader-idle-timeout", &store_index_header_lazy_reader_idle_timeout,
            "Unmap an index-header after this idle time.", {.hidden = true});
  flags.Add("store.enable-lazy-expanded-postings", &store_enable_lazy_expanded_postings,
            "Skip expanding big posting groups when filtering series is cheaper.");
  flags.Add("store.posting-group-max-key-series-ratio", &store_posting_group_max_key_series_ratio,
            "Posting group becomes lazy above ratio times expected series.");
  flags.AddEnum("store.index-header-lazy-download-strategy", &store_index_header_lazy_download_strategy,
                {"eager", "lazy"}, "Download index-headers at load or on first use.");
}

void StoreFlags::AddRequestFlags(config::FlagSet& flags) {
  flags.Add("store.grpc.touched-series-limit", &store_grpc_touched_series_limit,
            "Old name of store.limits.request-series.");
  flags.Add("store.grpc.series-sample-limit", &store_grpc_series_sample_limit,
            "Old name of store.limits.request-samples.");
  flags.Add("store.grpc.downloaded-bytes-limit", &store_grpc_downloaded_bytes_limit,
            "Cap on bytes touched or fetched by one call, 0 is unlimited.");
  flags.Add("store.grpc.series-max-concurrency", &store_grpc_series_max_concurrency,
            "Series calls served at once.");
  flags.Add("debug.series-batch-size", &debug_series_batch_size, "Series handled per batch in one block.",
            {.hidden = true});
  flags.Add("debug.estimated-max-series-size", &debug_estimated_max_series_size,
            "First guess of one index series entry in bytes.", {.hidden = true});
  flags.Add("debug.estimated-max-chunk-size", &debug_estimated_max_chunk_size,
            "First guess of one chunk in bytes.", {.hidden = true});
  flags.Add("debug.advertise-compatibility-label", &debug_advertise_compatibility_label,
            "Also announce the artificial compatibility label set.", {.hidden = true});
}

void StoreFlags::AddSyncFlags(config::FlagSet& flags) {
  flags.Add("data-dir", &data_dir, "Local working directory.");
  flags.Add("sync-block-duration", &sync_block_duration, "Period of the bucket view refresh.");
  flags.AddEnum("block-discovery-strategy", &block_discovery_strategy, {"concurrent", "recursive"},
                "List block dirs one by one in parallel, or list everything recursively.");
  flags.Add("block-sync-concurrency", &block_sync_concurrency, "Parallel block loads or metadata reads.");
  flags.Add("block-meta-fetch-concurrency", &block_meta_fetch_concurrency, "Parallel meta.json reads.");
  flags.Add("consistency-delay", &consistency_delay,
            "Minimum age of a freshly uploaded block before it is considered.");
  flags.Add("ignore-deletion-marks-delay", &ignore_deletion_marks_delay,
            "How long a block marked for deletion stays visible.");
}

void StoreFlags::AddPageFlags(config::FlagSet& flags) {
  flags.Add("web.disable", &web_disable, "Do not serve the block viewer.");
  flags.Add("bucket-web-label", &bucket_web_label, "External label used to group blocks in the viewer.");
  flags.Add("disable-admin-operations", &disable_admin_operations,
            "Refuse marking blocks through API and UI.");
}

}  // namespace thanos::services
