#pragma once

// Which of a bucket's blocks are used. Filters run in the order given to the fetcher; each removes blocks
// from the set.

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "base/cancel.h"
#include "base/clock.h"
#include "base/status.h"
#include "block/markers.h"
#include "block/meta.h"
#include "concurrency/thread_pool.h"
#include "objstore/bucket.h"

namespace thanos::block {

// Metas by ULID; shared because users of a block outlive the next synchronisation.
using MetaMap = std::map<model::Ulid, std::shared_ptr<const Meta>>;
// How many blocks were set aside for which reason ("time-excluded", ...).
using StateCounts = std::map<std::string, int64_t>;

class BlockFilter {
 public:
  virtual ~BlockFilter() = default;
  // Removes blocks from `metas` and counts them in `counts`.
  virtual base::Status Filter(const base::CancelToken& cancel, MetaMap* metas, StateCounts* counts) = 0;
};

// Keeps blocks that reach into a range, which may move with time, as Thanos' store does: max time >= min, min
// time <= max.
class TimeFilter final : public BlockFilter {
 public:
  explicit TimeFilter(std::function<model::ClosedRange()> range) : range_(std::move(range)) {}
  base::Status Filter(const base::CancelToken& cancel, MetaMap* metas, StateCounts* counts) override;

 private:
  const std::function<model::ClosedRange()> range_;
};

// Keeps blocks that a rule over their meta accepts; for selection by external labels.
class SelectionFilter final : public BlockFilter {
 public:
  // `keep` must be thread-safe.
  explicit SelectionFilter(std::function<bool(const Meta&)> keep) : keep_(std::move(keep)) {}
  base::Status Filter(const base::CancelToken& cancel, MetaMap* metas, StateCounts* counts) override;

 private:
  const std::function<bool(const Meta&)> keep_;
};

// The content of --selector.relabel-config: keep, drop and hashmod rules over the external labels of a block
// and `__block_id`, its ULID. Blocks they drop belong to others. Null: no rules. InvalidArgument: malformed.
base::StatusOr<std::unique_ptr<BlockFilter>> ParseBlockSelector(std::string_view yaml);

// Leaves blocks alone that are younger than the delay, unless a compactor or a repair made them.
class ConsistencyDelayFilter final : public BlockFilter {
 public:
  // `clock` must outlive the filter.
  ConsistencyDelayFilter(int64_t delay_ms, const base::Clock& clock) : delay_ms_(delay_ms), clock_(clock) {}
  base::Status Filter(const base::CancelToken& cancel, MetaMap* metas, StateCounts* counts) override;

 private:
  const int64_t delay_ms_;
  const base::Clock& clock_;
};

// Removes blocks that have been marked for deletion for longer than the delay.
class DeletionMarkFilter final : public BlockFilter {
 public:
  // All references must outlive the filter. Filter() must not run on a thread of `pool`.
  DeletionMarkFilter(objstore::Bucket& bucket, concurrency::ThreadPool& pool, int64_t delay_ms,
                     const base::Clock& clock)
      : bucket_(bucket), pool_(pool), delay_ms_(delay_ms), clock_(clock) {}
  base::Status Filter(const base::CancelToken& cancel, MetaMap* metas, StateCounts* counts) override;

 private:
  objstore::Bucket& bucket_;
  concurrency::ThreadPool& pool_;
  const int64_t delay_ms_;
  const base::Clock& clock_;
};

// Drops external labels by which replicas differ from what is seen of the blocks; a block left without labels
// gets `<first name>="deduped"`, as in Thanos. Counts in "replica-label-removed".
class ReplicaLabelFilter final : public BlockFilter {
 public:
  explicit ReplicaLabelFilter(std::vector<std::string> names) : names_(std::move(names)) {}
  base::Status Filter(const base::CancelToken& cancel, MetaMap* metas, StateCounts* counts) override;

 private:
  const std::vector<std::string> names_;
};

// The blocks whose sources are all contained in another block with the same external labels and resolution,
// each with that other one. Of blocks with equal sources the newest stays.
base::StatusOr<std::map<model::Ulid, model::Ulid>> FindCovered(const base::CancelToken& cancel,
                                                               const MetaMap& metas);

// All marks of some blocks.
struct BlockMarks {
  std::map<model::Ulid, DeletionMark> deletion;
  std::map<model::Ulid, NoCompactMark> no_compact;
  std::map<model::Ulid, NoDownsampleMark> no_downsample;
};

// Reads them, `concurrency` blocks at a time. A malformed mark counts as absent; whatever else keeps one from
// being read is an error, for whoever acts on blocks must know all their marks. Not to be called on a thread
// of `pool`.
base::StatusOr<BlockMarks> ReadMarks(const base::CancelToken& cancel, objstore::Bucket& bucket,
                                     concurrency::ThreadPool& pool, size_t concurrency,
                                     const std::vector<model::Ulid>& blocks);

// Removes the blocks FindCovered finds.
class DuplicateFilter final : public BlockFilter {
 public:
  base::Status Filter(const base::CancelToken& cancel, MetaMap* metas, StateCounts* counts) override;
};

// Removes blocks whose data was migrated to another format, by an extension key of that name.
class ExtensionFilter final : public BlockFilter {
 public:
  explicit ExtensionFilter(std::string key) : key_(std::move(key)) {}
  base::Status Filter(const base::CancelToken& cancel, MetaMap* metas, StateCounts* counts) override;

 private:
  const std::string key_;
};

}  // namespace thanos::block
