#pragma once

// `tools bucket replicate`: copies blocks from one bucket to another.

#include <cstdint>
#include <functional>
#include <set>
#include <vector>

#include "base/cancel.h"
#include "base/status.h"
#include "buckettools/catalog.h"
#include "labels/matcher.h"
#include "objstore/bucket.h"
#include "telemetry/metrics.h"

namespace thanos::buckettools {

// Which blocks are copied. Blocks without external labels never are.
struct ReplicationSelection {
  std::set<model::Ulid> blocks{};  // when not empty, these and nothing else counts
  std::vector<labels::Matcher> matchers{};
  std::set<int64_t> resolutions_ms{};
  std::set<int64_t> levels{};

  bool Selects(const block::Meta& meta) const;
};

// Thread-safe.
class Replicator {
 public:
  // References must outlive this.
  Replicator(ReplicationSelection selection, objstore::Bucket& from, objstore::Bucket& to,
             telemetry::Registry& metrics);

  // Copies what is selected from `metas`, the oldest data first. Of each block the chunks, the index and last
  // meta.json, so that the copy becomes visible whole. A block whose meta.json is the same in both buckets is
  // done; objects that are in the target with the same size are not sent again. Ends at the first error.
  // `progress`, unless null, is told how many blocks are done.
  base::Status Run(const base::CancelToken& cancel, const std::vector<MetaPtr>& metas,
                   const std::function<void(uint64_t done, uint64_t total)>& progress = nullptr);

 private:
  base::Status CopyBlock(const base::CancelToken& cancel, const model::Ulid& ulid);
  base::Status CopyObject(const base::CancelToken& cancel, const std::string& name);

  const ReplicationSelection selection_;
  objstore::Bucket& from_;
  objstore::Bucket& to_;
  telemetry::Counter& blocks_already_replicated_;
  telemetry::Counter& blocks_replicated_;
  telemetry::Counter& objects_replicated_;
};

}  // namespace thanos::buckettools
