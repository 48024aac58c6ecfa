#include "bucketstore/internal/metrics.h"

namespace thanos::bucketstore::internal {
namespace {

const telemetry::MetricLabels& Tenant() {
  static const telemetry::MetricLabels kLabels = {{"tenant", "default-tenant"}};
  return kLabels;
}

telemetry::MetricLabels WithTenant(const char* name, const char* value) {
  return {{name, value}, {"tenant", "default-tenant"}};
}

std::vector<double> LoadBounds() {
  return {0.1, 0.5, 1, 10, 20, 30, 60, 120};
}
std::vector<double> FetchBounds() {
  return {0.001, 0.01, 0.1, 0.3, 0.6, 1, 3, 6, 9, 20, 30, 60, 90, 120};
}
std::vector<double> CountBounds() {
  return {1, 4, 16, 64, 256, 1024, 4096, 16384, 65536, 262144, 1048576};
}

telemetry::Histogram& Touched(telemetry::Registry& registry, const char* data_type) {
  return registry.AddHistogram(
      "thanos_bucket_store_series_data_touched",
      "Number of items of a data type in a block that were touched for a single Series API call.",
      telemetry::ExponentialBounds(200, 2, 15), WithTenant("data_type", data_type));
}

telemetry::Histogram& Fetched(telemetry::Registry& registry, const char* data_type) {
  return registry.AddHistogram("thanos_bucket_store_series_data_fetched",
                               "Number of items of a data type retrieved for a single Series API call.",
                               telemetry::ExponentialBounds(200, 2, 15), WithTenant("data_type", data_type));
}

telemetry::Histogram& FetchedBytes(telemetry::Registry& registry, const char* data_type) {
  return registry.AddHistogram("thanos_bucket_store_series_data_size_fetched_bytes",
                               "Size of all items of a data type fetched for a single Series API call.",
                               telemetry::ExponentialBounds(1024, 2, 21), WithTenant("data_type", data_type));
}

telemetry::Histogram& TouchedBytes(telemetry::Registry& registry, const char* data_type) {
  return registry.AddHistogram("thanos_bucket_store_series_data_size_touched_bytes",
                               "Size of all items of a data type in a block that were touched for a single "
                               "Series API call.",
                               telemetry::ExponentialBounds(1024, 2, 21), WithTenant("data_type", data_type));
}

// Exposed from the start for dashboards, and never counted.
void AddUnused(telemetry::Registry& registry) {
  (void)registry.AddCounter("thanos_bucket_store_indexheader_lazy_unload_failed_total",
                            "Total number of failed index-header lazy unload operations.");
}

telemetry::Histogram& Duration(telemetry::Registry& registry, const char* name, const char* help) {
  return registry.AddHistogram(name, help, FetchBounds(), Tenant());
}

telemetry::Counter& LazyGroups(telemetry::Registry& registry, const char* reason) {
  return registry.AddCounter(
      "thanos_bucket_store_lazy_expanded_posting_groups_total",
      "Total number of posting groups that are marked as lazy and corresponding reason.",
      {{"reason", reason}});
}

telemetry::Counter& Dropped(telemetry::Registry& registry, const char* reason) {
  return registry.AddCounter("thanos_bucket_store_queries_dropped_total",
                             "Number of queries that were dropped due to the limit.",
                             WithTenant("reason", reason));
}

}  // namespace

Metrics::Metrics(telemetry::Registry& registry)
    : blocks_loaded(
          registry.AddGauge("thanos_bucket_store_blocks_loaded", "Number of currently loaded blocks.")),
      last_loaded(registry.AddGauge("thanos_bucket_store_blocks_last_loaded_timestamp_seconds",
                                    "Timestamp when last block got loaded.")),
      block_loads(registry.AddCounter("thanos_bucket_store_block_loads_total",
                                      "Total number of remote block loading attempts.")),
      block_load_failures(registry.AddCounter("thanos_bucket_store_block_load_failures_total",
                                              "Total number of failed remote block loading attempts.")),
      block_drops(registry.AddCounter("thanos_bucket_store_block_drops_total",
                                      "Total number of local blocks that were dropped.")),
      block_drop_failures(registry.AddCounter("thanos_bucket_store_block_drop_failures_total",
                                              "Total number of local blocks that failed to be dropped.")),
      block_load_duration(registry.AddHistogram("thanos_bucket_store_block_load_duration_seconds",
                                                "The total time taken to load a block in seconds.",
                                                LoadBounds())),
      header_download_duration(
          registry.AddHistogram("thanos_bucket_store_indexheader_download_duration_seconds",
                                "Duration of the index-header download from objstore in seconds.",
                                {0.1, 0.2, 0.5, 1, 2, 5, 15, 30, 60, 90})),
      header_load_duration(registry.AddHistogram("thanos_bucket_store_indexheader_load_duration_seconds",
                                                 "Duration of the index-header loading in seconds.",
                                                 {0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1, 2, 5, 15, 30, 60, 90})),
      series_blocks_queried(
          registry.AddHistogram("thanos_bucket_store_series_blocks_queried",
                                "Number of blocks in a bucket store that were touched to satisfy a query.",
                                {1, 2, 5, 10, 20, 50, 100, 200, 500}, Tenant())),
      series_result_series(registry.AddHistogram("thanos_bucket_store_series_result_series",
                                                 "Number of series observed in the final result of a query.",
                                                 CountBounds(), Tenant())),
      get_all_duration(registry.AddHistogram(
          "thanos_bucket_store_series_get_all_duration_seconds",
          "Time it takes until all per-block prepares and loads for a query are finished.", FetchBounds(),
          Tenant())),
      merge_duration(registry.AddHistogram(
          "thanos_bucket_store_series_merge_duration_seconds",
          "Time it takes to merge sub-results from all queried blocks into a single result.", FetchBounds(),
          Tenant())),
      postings_touched(Touched(registry, "postings")),
      series_touched(Touched(registry, "series")),
      chunks_touched(Touched(registry, "chunks")),
      postings_touched_bytes(TouchedBytes(registry, "postings")),
      series_touched_bytes(TouchedBytes(registry, "series")),
      chunks_touched_bytes(TouchedBytes(registry, "chunks")),
      postings_fetched_bytes(FetchedBytes(registry, "postings")),
      series_fetched_bytes(FetchedBytes(registry, "series")),
      chunks_fetched_bytes(FetchedBytes(registry, "chunks")),
      postings_fetched(Fetched(registry, "postings")),
      series_fetched(Fetched(registry, "series")),
      chunks_fetched(Fetched(registry, "chunks")),
      sent_chunk_bytes(
          registry.AddHistogram("thanos_bucket_store_sent_chunk_size_bytes",
                                "Size in bytes of the chunks for the single series, which is adequate to "
                                "the gRPC message size sent to querier.",
                                {32, 256, 512, 1024, 32768, 262144, 524288, 1048576, 33554432}, Tenant())),
      dropped_series(Dropped(registry, "series")),
      dropped_chunks(Dropped(registry, "chunks")),
      dropped_bytes(Dropped(registry, "bytes")),
      empty_postings(registry.AddCounter("thanos_bucket_store_empty_postings_total",
                                         "Total number of empty postings when fetching block series.",
                                         Tenant())),
      series_refetches(registry.AddCounter("thanos_bucket_store_series_refetches_total",
                                           "Total number of series refetches from the bucket.", Tenant())),
      chunk_refetches(registry.AddCounter("thanos_bucket_store_chunk_refetches_total",
                                          "Total number of chunk refetches from the bucket.", Tenant())),
      gate_in_flight(registry.AddGauge("thanos_bucket_store_series_gate_queries_in_flight",
                                       "Number of queries that are currently in flight.")),
      gate_max(registry.AddGauge("thanos_bucket_store_series_gate_queries_max",
                                 "Maximum number of concurrent queries.")),
      gate_total(
          registry.AddCounter("thanos_bucket_store_series_gate_queries_total", "Total number of queries.")),
      gate_duration(registry.AddHistogram("thanos_bucket_store_series_gate_queries_duration_seconds",
                                          "How many seconds it took for queries to wait at the gate.",
                                          {0.01, 0.05, 0.1, 0.25, 0.6, 1, 2, 3.5, 5, 10})),
      postings_fetch_duration(Duration(registry, "thanos_bucket_store_postings_fetch_duration_seconds",
                                       "The time it takes to fetch postings to respond to a request sent to "
                                       "a store gateway.")),
      postings_size(registry.AddHistogram(
          "thanos_bucket_store_postings_size_bytes",
          "Size in bytes of the postings for a single series call.",
          {32, 256, 512, 1024, 32768, 262144, 524288, 1048576, 33554432, 134217728, 268435456, 536870912},
          Tenant())),
      series_fetch_duration(Duration(registry, "thanos_bucket_store_series_fetch_duration_seconds",
                                     "The time it takes to fetch series to respond to a request sent to a "
                                     "store gateway.")),
      series_fetch_duration_sum(Duration(registry, "thanos_bucket_store_series_fetch_duration_sum_seconds",
                                         "The total time it takes to fetch series to respond to a request "
                                         "sent to a store gateway.")),
      chunks_fetch_duration(Duration(registry, "thanos_bucket_store_chunks_fetch_duration_seconds",
                                     "The time it takes to fetch chunks to respond to a request sent to a "
                                     "store gateway.")),
      chunks_fetch_duration_sum(Duration(registry, "thanos_bucket_store_chunks_fetch_duration_sum_seconds",
                                         "The total time it takes to fetch chunks to respond to a request "
                                         "sent to a store gateway.")),
      lazy_loads(registry.AddCounter("thanos_bucket_store_indexheader_lazy_load_total",
                                     "Total number of index-header lazy load operations.")),
      lazy_load_failures(registry.AddCounter("thanos_bucket_store_indexheader_lazy_load_failed_total",
                                             "Total number of failed index-header lazy load operations.")),
      lazy_unloads(registry.AddCounter("thanos_bucket_store_indexheader_lazy_unload_total",
                                       "Total number of index-header lazy unload operations.")),
      lazy_load_duration(
          registry.AddHistogram("thanos_bucket_store_indexheader_lazy_load_duration_seconds",
                                "Duration of the index-header lazy loading in seconds.",
                                {0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1, 2, 5, 15, 30, 60, 120, 300})),
      lazy_postings(
          registry.AddCounter("thanos_bucket_store_lazy_expanded_postings_total",
                              "Total number of times when lazy expanded posting optimization applies.")),
      lazy_postings_bytes(registry.AddCounter("thanos_bucket_store_lazy_expanded_posting_size_bytes_total",
                                              "Total number of lazy posting group size in bytes.")),
      lazy_overfetched_bytes(registry.AddCounter(
          "thanos_bucket_store_lazy_expanded_posting_series_overfetched_size_bytes_total",
          "Total number of series size in bytes overfetched due to posting lazy expansion.")),
      lazy_groups_keys_limit(LazyGroups(registry, "keys_limit")),
      lazy_groups_postings_size(LazyGroups(registry, "postings_size")),
      corrupt_blocks(registry.AddCounter("thanos_bucket_store_block_corruptions_total",
                                         "Total number of requests that met damaged data in a block.")) {
  AddUnused(registry);
}

}  // namespace thanos::bucketstore::internal
