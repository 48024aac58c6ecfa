#include "buckettools/catalog.h"

#include <utility>

#include "block/fetcher.h"
#include "telemetry/log.h"
#include "telemetry/metrics.h"

namespace thanos::buckettools {

base::StatusOr<std::vector<MetaPtr>> ReadCatalog(const base::CancelToken& cancel, objstore::Bucket& bucket,
                                                 concurrency::ThreadPool& pool,
                                                 std::vector<std::unique_ptr<block::BlockFilter>> filters) {
  block::MetaFetcher fetcher({}, bucket, pool, telemetry::NullRegistry(), std::move(filters));
  TH_ASSIGN_OR_RETURN(block::FetchResult result, fetcher.Fetch(cancel));
  TH_RETURN_IF_ERROR(result.incomplete);
  for (const auto& [ulid, status] : result.damaged) {
    TH_LOG(kWarn, "meta.json cannot be used").With("block", ulid.ToString()).With("err", status);
  }
  for (const model::Ulid& ulid : result.partial) {
    TH_LOG(kWarn, "block without meta.json").With("block", ulid.ToString());
  }
  std::vector<MetaPtr> metas;
  metas.reserve(result.metas.size());
  for (auto& [ulid, meta] : result.metas) {
    metas.push_back(std::move(meta));
  }
  return metas;
}

}  // namespace thanos::buckettools
