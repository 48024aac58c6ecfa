#pragma once

// The command-line flags of thanos-receive.

#include <cstdint>
#include <string>
#include <vector>

#include "app/flag_groups.h"
#include "config/flags.h"
#include "config/path_or_content.h"

namespace thanos::services {

// Fields are named like their flags; help texts are in flags.cc. Logging, tracing and server flags belong to
// app::Service.
struct ReceiveFlags {
  app::ObjstoreFlags objstore;
  app::RequestLoggingFlags request_logging;
  app::StoreLimitFlags store_limits;

  // The write endpoint and its clients.
  std::string remote_write_address = "0.0.0.0:19291";
  std::string remote_write_server_tls_cert;
  std::string remote_write_server_tls_key;
  std::string remote_write_server_tls_client_ca;
  std::string remote_write_server_tls_min_version = "1.3";
  std::string remote_write_client_tls_cert;
  std::string remote_write_client_tls_key;
  bool remote_write_client_tls_secure = false;
  bool remote_write_client_tls_skip_verify = false;
  std::string remote_write_client_tls_ca;
  std::string remote_write_client_server_name;

  // The hashring and forwarding.
  config::PathOrContent receive_hashrings{"receive.hashrings"};
  std::string receive_hashrings_algorithm = "hashmod";
  config::PromDuration receive_hashrings_file_refresh_interval{std::chrono::minutes(5)};
  std::string receive_local_endpoint;
  config::PromDuration receive_artificial_max_delay{};
  std::string receive_replica_header = "THANOS-REPLICA";
  int64_t receive_forward_async_workers = 5;
  std::string receive_grpc_compression = "snappy";
  int64_t receive_replication_factor = 1;
  std::string receive_replication_protocol = "protobuf";
  std::string receive_capnproto_address = "0.0.0.0:19391";
  std::string receive_grpc_service_config;
  config::PromDuration receive_forward_timeout{std::chrono::seconds(5)};
  config::PromDuration receive_forward_max_backoff{std::chrono::seconds(5)};

  // Tenancy.
  std::string receive_tenant_header = "THANOS-TENANT";
  std::string receive_tenant_certificate_field;
  std::string receive_default_tenant_id = "default-tenant";
  std::string receive_split_tenant_label_name;
  std::string receive_tenant_label_name = "tenant_id";

  // Local storage.
  std::string tsdb_path = "./data";
  config::PromDuration tsdb_retention{std::chrono::hours(360)};
  config::PromDuration tsdb_min_block_duration{std::chrono::hours(2)};
  config::PromDuration tsdb_max_block_duration{std::chrono::hours(2)};
  config::PromDuration tsdb_too_far_in_future_time_window{};
  config::PromDuration tsdb_out_of_order_time_window{};
  int64_t tsdb_out_of_order_cap_max = 0;
  bool tsdb_allow_overlapping_blocks = false;
  config::ByteSize tsdb_max_retention_bytes{};
  bool tsdb_wal_compression = true;
  bool tsdb_no_lockfile = false;
  int64_t tsdb_head_expanded_postings_cache_size = 0;
  int64_t tsdb_block_expanded_postings_cache_size = 0;
  int64_t tsdb_max_exemplars = 0;
  int64_t tsdb_write_queue_size = 0;
  bool tsdb_memory_snapshot_on_shutdown = false;
  bool tsdb_enable_native_histograms = true;
  bool writer_intern = false;

  // Upload of blocks.
  std::string hash_func;
  bool shipper_ignore_unequal_block_size = false;
  bool shipper_allow_out_of_order_uploads = false;
  bool shipper_skip_corrupted_blocks = false;
  int64_t shipper_upload_concurrency = 0;

  // Everything else.
  std::vector<std::string> label;
  config::PathOrContent receive_relabel_config{"receive.relabel-config", true};
  int64_t matcher_cache_size = 0;
  config::PathOrContent receive_limits_config{"receive.limits-config", true};
  config::ExtDuration receive_limits_config_reload_timer{std::chrono::seconds(1)};
  bool receive_otlp_enable_target_info = true;
  std::vector<std::string> receive_otlp_promote_resource_attributes;
  std::vector<std::string> enable_feature;
  int64_t receive_lazy_retrieval_max_buffered_responses = 20;

  void AddTo(config::FlagSet& flags);

 private:
  void AddWriteServerFlags(config::FlagSet& flags);
  void AddForwardFlags(config::FlagSet& flags);
  void AddTenantFlags(config::FlagSet& flags);
  void AddTsdbFlags(config::FlagSet& flags);
  void AddUploadFlags(config::FlagSet& flags);
  void AddOtherFlags(config::FlagSet& flags);
};

}  // namespace thanos::services
