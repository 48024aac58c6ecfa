#include "services/receive/flags.h"

namespace thanos::services {

void ReceiveFlags::AddTo(config::FlagSet& flags) {
  objstore.AddTo(flags);
  request_logging.AddTo(flags);
  store_limits.AddTo(flags);
  AddWriteServerFlags(flags);
  AddForwardFlags(flags);
  AddTenantFlags(flags);
  AddTsdbFlags(flags);
  AddUploadFlags(flags);
  AddOtherFlags(flags);
}

void ReceiveFlags::AddWriteServerFlags(config::FlagSet& flags) {
  flags.Add("remote-write.address", &remote_write_address, "Listen address of the write endpoint.");
  flags.Add("remote-write.server-tls-cert", &remote_write_server_tls_cert,
            "Server certificate file of the write endpoint.");
  flags.Add("remote-write.server-tls-key", &remote_write_server_tls_key,
            "Server key file of the write endpoint.");
  flags.Add("remote-write.server-tls-client-ca", &remote_write_server_tls_client_ca,
            "CA file to verify writers.");
  flags.AddEnum("remote-write.server-tls-min-version", &remote_write_server_tls_min_version,
                {"1.0", "1.1", "1.2", "1.3"}, "Lowest TLS version of the write endpoint.");
  flags.Add("remote-write.client-tls-cert", &remote_write_client_tls_cert,
            "Client certificate file towards other receivers.");
  flags.Add("remote-write.client-tls-key", &remote_write_client_tls_key,
            "Client key file towards other receivers.");
  flags.Add("remote-write.client-tls-secure", &remote_write_client_tls_secure,
            "Dial other receivers with TLS.");
  flags.Add("remote-write.client-tls-skip-verify", &remote_write_client_tls_skip_verify,
            "Do not verify other receivers.");
  flags.Add("remote-write.client-tls-ca", &remote_write_client_tls_ca, "CA file to verify other receivers.");
  flags.Add("remote-write.client-server-name", &remote_write_client_server_name,
            "Name expected in their certificates.");
}

void ReceiveFlags::AddForwardFlags(config::FlagSet& flags) {
  receive_hashrings.AddTo(flags, "hashring JSON");
  flags.AddEnum("receive.hashrings-algorithm", &receive_hashrings_algorithm, {"hashmod", "ketama"},
                "Default distribution algorithm.");
  flags.Add("receive.hashrings-file-refresh-interval", &receive_hashrings_file_refresh_interval,
            "Forced re-read period of the hashring file.");
  flags.Add("receive.local-endpoint", &receive_local_endpoint, "Own address as written in the hashring.");
  flags.Add("receive.artificial-max-delay", &receive_artificial_max_delay,
            "Artificial delay towards the second peer.", {.hidden = true, .no_effect = true});
  flags.Add("receive.replica-header", &receive_replica_header, "Header with the replica number of a write.");
  flags.Add("receive.forward.async-workers", &receive_forward_async_workers,
            "Workers per peer for forwarding.");
  flags.AddEnum("receive.grpc-compression", &receive_grpc_compression, {"snappy", "none"},
                "Compressor towards other receivers.");
  flags.Add("receive.replication-factor", &receive_replication_factor, "Copies of each series.");
  flags.AddEnum("receive.replication-protocol", &receive_replication_protocol, {"protobuf", "capnproto"},
                "Protocol between receivers.");
  flags.Add("receive.capnproto-address", &receive_capnproto_address,
            "Listen address of the Cap'n Proto server.");
  flags.Add("receive.grpc-service-config", &receive_grpc_service_config,
            "GRPC service config JSON (file or text).");
  flags.Add("receive-forward-timeout", &receive_forward_timeout, "Time limit of one forward fan-out.",
            {.hidden = true});
  flags.Add("receive-forward-max-backoff", &receive_forward_max_backoff,
            "Longest backoff towards a failing peer.", {.hidden = true});
}

void ReceiveFlags::AddTenantFlags(config::FlagSet& flags) {
  flags.Add("receive.tenant-header", &receive_tenant_header, "Header naming the tenant of a write.");
  flags.AddEnum("receive.tenant-certificate-field", &receive_tenant_certificate_field,
                {"", "organization", "organizationalUnit", "commonName"},
                "Client certificate field naming the tenant.");
  flags.Add("receive.default-tenant-id", &receive_default_tenant_id, "Tenant used when none is given.");
  flags.Add("receive.split-tenant-label-name", &receive_split_tenant_label_name,
            "Series label that overrides the tenant.");
  flags.Add("receive.tenant-label-name", &receive_tenant_label_name, "External label announcing the tenant.");
}

void ReceiveFlags::AddTsdbFlags(config::FlagSet& flags) {
  flags.Add("tsdb.path", &tsdb_path, "Directory of the local TSDB.");
  flags.Add("tsdb.retention", &tsdb_retention, "How long local blocks are kept.");
  flags.Add("tsdb.min-block-duration", &tsdb_min_block_duration, "Shortest local block.", {.hidden = true});
  flags.Add("tsdb.max-block-duration", &tsdb_max_block_duration, "Longest local block.", {.hidden = true});
  flags.Add("tsdb.too-far-in-future.time-window", &tsdb_too_far_in_future_time_window,
            "Reject samples further ahead than this, 0s is off.");
  flags.Add("tsdb.out-of-order.time-window", &tsdb_out_of_order_time_window,
            "Accepted age of out-of-order samples, 0s is off.");
  flags.Add("tsdb.out-of-order.cap-max", &tsdb_out_of_order_cap_max,
            "Samples per out-of-order chunk, 0 means 32.");
  flags.Add("tsdb.allow-overlapping-blocks", &tsdb_allow_overlapping_blocks, "No effect, always on.",
            {.no_effect = true});
  flags.Add("tsdb.max-retention-bytes", &tsdb_max_retention_bytes, "Size based local retention, 0 is off.");
  flags.Add("tsdb.wal-compression", &tsdb_wal_compression, "Compress WAL records with snappy.");
  flags.Add("tsdb.no-lockfile", &tsdb_no_lockfile, "Do not create the TSDB lock file.");
  flags.Add("tsdb.head.expanded-postings-cache-size", &tsdb_head_expanded_postings_cache_size,
            "Bytes of the head postings cache.");
  flags.Add("tsdb.block.expanded-postings-cache-size", &tsdb_block_expanded_postings_cache_size,
            "Bytes of the block postings cache.");
  flags.Add("tsdb.max-exemplars", &tsdb_max_exemplars, "Exemplars kept per tenant, 0 is off.");
  flags.Add("tsdb.write-queue-size", &tsdb_write_queue_size, "Chunk write queue length.",
            {.hidden = true, .no_effect = true});
  flags.Add("tsdb.memory-snapshot-on-shutdown", &tsdb_memory_snapshot_on_shutdown,
            "Snapshot the head on shutdown.", {.hidden = true});
  flags.Add("tsdb.enable-native-histograms", &tsdb_enable_native_histograms,
            "No effect, native histograms are always on.", {.no_effect = true});
  flags.Add("writer.intern", &writer_intern, "Intern label strings on write.",
            {.hidden = true, .no_effect = true});
}

void ReceiveFlags::AddUploadFlags(config::FlagSet& flags) {
  flags.AddEnum("hash-func", &hash_func, {"SHA256", ""}, "Hash stored in meta.json per block file.");
  flags.Add("shipper.ignore-unequal-block-size", &shipper_ignore_unequal_block_size,
            "Allow local min and max block durations to differ.", {.hidden = true});
  flags.Add("shipper.allow-out-of-order-uploads", &shipper_allow_out_of_order_uploads,
            "Keep shipping newer blocks when an older one fails.", {.hidden = true});
  flags.Add("shipper.skip-corrupted-blocks", &shipper_skip_corrupted_blocks,
            "Step over unreadable local blocks instead of failing the sync.", {.hidden = true});
  flags.Add("shipper.upload-concurrency", &shipper_upload_concurrency,
            "Files of a block uploaded in parallel.");
}

void ReceiveFlags::AddOtherFlags(config::FlagSet& flags) {
  flags.Add("label", &label, "External label name=\"value\".");
  receive_relabel_config.AddTo(flags, "relabel rules for incoming series");
  flags.Add("matcher-cache-size", &matcher_cache_size, "Entries of the parsed matcher cache, 0 is off.");
  receive_limits_config.AddTo(flags, "write limits configuration", {.hidden = true});
  flags.Add("receive.limits-config-reload-timer", &receive_limits_config_reload_timer,
            "Shortest pause between limit reloads.", {.hidden = true});
  flags.Add("receive.otlp-enable-target-info", &receive_otlp_enable_target_info,
            "Create target_info from OTLP resources.");
  flags.Add("receive.otlp-promote-resource-attributes", &receive_otlp_promote_resource_attributes,
            "OTLP resource attributes turned into labels.");
  flags.Add("enable-feature", &enable_feature, "Experimental features to turn on (comma separated).");
  flags.Add("receive.lazy-retrieval-max-buffered-responses", &receive_lazy_retrieval_max_buffered_responses,
            "Responses buffered per TSDB in lazy mode.");
}

}  // namespace thanos::services
