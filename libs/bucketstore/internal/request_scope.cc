#include "bucketstore/internal/request_scope.h"

namespace thanos::bucketstore::internal {

void RequestWork::Add(const RequestWork& other) {
  lists_touched += other.lists_touched;
  lists_fetched += other.lists_fetched;
  postings_bytes_touched += other.postings_bytes_touched;
  postings_bytes_fetched += other.postings_bytes_fetched;
  series_touched += other.series_touched;
  series_fetched += other.series_fetched;
  series_bytes_touched += other.series_bytes_touched;
  series_bytes_fetched += other.series_bytes_fetched;
  chunks += other.chunks;
  chunk_bytes_touched += other.chunk_bytes_touched;
  chunk_bytes_fetched += other.chunk_bytes_fetched;
  series_fetch_time += other.series_fetch_time;
  chunk_fetch_time += other.chunk_fetch_time;
}

void RequestWork::Observe(Metrics& metrics) const {
  const auto observe = [](telemetry::Histogram& histogram, uint64_t value) {
    histogram.Observe(static_cast<double>(value));
  };
  observe(metrics.postings_touched, lists_touched);
  observe(metrics.series_touched, series_touched);
  observe(metrics.chunks_touched, chunks);
  observe(metrics.postings_touched_bytes, postings_bytes_touched);
  observe(metrics.series_touched_bytes, series_bytes_touched);
  observe(metrics.chunks_touched_bytes, chunk_bytes_touched);
  observe(metrics.postings_fetched, lists_fetched);
  observe(metrics.series_fetched, series_fetched);
  observe(metrics.chunks_fetched, chunks);
  observe(metrics.postings_fetched_bytes, postings_bytes_fetched);
  observe(metrics.series_fetched_bytes, series_bytes_fetched);
  observe(metrics.chunks_fetched_bytes, chunk_bytes_fetched);
  metrics.series_fetch_duration_sum.Observe(base::ToSeconds(series_fetch_time));
  metrics.chunks_fetch_duration_sum.Observe(base::ToSeconds(chunk_fetch_time));
}

}  // namespace thanos::bucketstore::internal
