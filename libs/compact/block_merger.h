#pragma once

// The part of compaction that touches data: several blocks to one, the health of a block, its repair.

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "base/cancel.h"
#include "base/status.h"
#include "block/meta.h"
#include "concurrency/thread_pool.h"
#include "model/ulid.h"

namespace thanos::compact {

// What becomes of chunks of one series that overlap.
enum class MergeFunction : uint8_t {
  kNone,      // an error: the blocks were not expected to overlap
  kOneToOne,  // equal chunks are kept once, others merged to one sample per timestamp
  kPenalty,   // the chunks are replicas and folded by the penalty algorithm (docs/deduplication.md)
};

struct MergeOptions {
  MergeFunction function = MergeFunction::kNone;
  // The result's name; it appears as `<out_parent>/<ulid>`.
  model::Ulid ulid;
  // The result's Thanos section: external labels (without replica labels), resolution, source, extensions.
  // index_stats and segment_files are filled in, the rest is written as given. Without it the result is a
  // plain Prometheus block.
  std::optional<block::ThanosSection> thanos;
  uint64_t max_segment_bytes = uint64_t{512} << 20;
  // Label sets whose labels are not sorted are sorted, instead of being an error
  // (--debug.accept-malformed-index).
  bool accept_malformed_index = false;
  // Decodes, merges and encodes; may be shared between merges. Null: everything on the calling thread, which
  // must not be one of the pool.
  concurrency::ThreadPool* pool = nullptr;
};

struct MergeResult {
  // The inputs (less their tombstones) have no samples. Nothing was written and `meta` has no statistics; the
  // inputs can be marked for deletion.
  bool empty = false;
  // As in the result's meta.json: times are the union of the inputs', level their highest plus one, sources
  // their union, parents the inputs; stats and index_stats are those of what was written.
  block::Meta meta;
  // Files of the result relative to its directory with their sizes, sorted by path; meta.json is last and has
  // size 0, as in the `files` list of a Thanos meta.json.
  std::vector<block::BlockFile> files;
  // Of the input chunks: copied as they are, or decoded and encoded anew.
  uint64_t num_copied_chunks = 0;
  uint64_t num_recoded_chunks = 0;
};

// Merges the local blocks `block_dirs` (paths "<...>/<ULID>", each with meta.json, index, chunks and perhaps
// tombstones) into one block below `out_parent`, which must exist.
//
// Series that are in several inputs become one; chunks that do not overlap are copied with their checksum
// verified. Samples under a tombstone are left out, and the result has no tombstones file. Aggregate chunks
// of downsampled blocks are merged aggregate by aggregate. Everything is on disk when the result gets its
// name by a rename; after an error nothing of it is left but perhaps `<ULID>.tmp-for-creation`, which the
// next merge to the same name removes. The same inputs in the same order give the same bytes.
//
// Memory: two symbol tables and label pair counts, postings as index::Writer describes, and some MiB of
// series in work; inputs are memory-mapped.
//
// InvalidArgument: no inputs. FailedPrecondition: chunks overlap and `function` is kNone, or the inputs
// differ in resolution; the message names the blocks. DataLoss: an input is damaged; the message names the
// block. Cancelled, DeadlineExceeded: as `cancel` says, within some milliseconds.
// Thread-safe; blocks until done.
base::StatusOr<MergeResult> MergeBlocks(const base::CancelToken& cancel,
                                        std::span<const std::string> block_dirs,
                                        const std::string& out_parent, const MergeOptions& options);

// What reading a whole block showed, as counts by kind; Thanos' index health with the chunks read as well.
// A healthy block has zeros in all but the totals.
struct BlockHealth {
  // Totals.
  uint64_t num_series = 0;
  uint64_t num_chunks = 0;
  uint64_t num_samples = 0;  // of aggregate chunks: the samples of their first aggregate

  // Series that sort before their predecessor, or equal it.
  uint64_t out_of_order_series = 0;
  uint64_t duplicated_series = 0;
  // Series with labels that are not sorted, and (of them) with a name twice or an empty value.
  uint64_t out_of_order_labels = 0;
  uint64_t duplicated_labels = 0;
  // Chunks that begin before the end of their predecessor; those with the same range and bytes as the
  // predecessor are counted as duplicated only.
  uint64_t out_of_order_chunks = 0;
  uint64_t duplicated_chunks = 0;
  // Chunks with a part outside the time range of meta.json; (of them) those completely outside; (of those)
  // those that begin at maxTime exactly, left by an old bug of Prometheus (tsdb issue 347) and safe to drop,
  // because the next block has them too.
  uint64_t outside_chunks = 0;
  uint64_t complete_outside_chunks = 0;
  uint64_t issue347_outside_chunks = 0;
  // Series entries that cannot be read: wrong checksum, unknown symbol.
  uint64_t damaged_series = 0;
  // Chunks whose bytes cannot be read: outside their segment, wrong checksum, header, or a sample outside the
  // times of the index or not later than its predecessor.
  uint64_t damaged_chunks = 0;
  // Segment files that an index entry names and that do not exist, by name ("000002").
  std::vector<std::string> missing_segments;
  // The index as a whole cannot be opened (header, symbols, postings, table of contents); nothing else was
  // counted then.
  std::string index_damage;
  // meta.json's statistics are not what was counted (all zero, as old blocks have, is no difference).
  bool wrong_stats = false;

  // The largest series entry and chunk, for meta.json's index_stats.
  uint64_t max_series_bytes = 0;
  uint64_t max_chunk_bytes = 0;

  // One line for each of the first problems, naming series, chunk and position; at most 20.
  std::vector<std::string> details;

  bool healthy() const { return Any().ok(); }

  // Each is OK, or an error whose message counts the problems and has the first details. DataLoss unless said
  // otherwise. In the order in which the compactor asks:
  // Damage: index, series entries, missing segments, chunks. Nothing can be done with the block as it is.
  base::Status Damage() const;
  // Series out of order or duplicated, and chunks completely outside but for those of issue 347.
  base::Status Critical() const;
  // Out-of-order chunks that are no duplicates: the block gets a no-compact mark
  // (block-index-out-of-order-chunk).
  base::Status OutOfOrderChunks() const;
  // Issue 347: RepairBlock drops those chunks.
  base::Status Issue347() const;
  // Labels out of order: --debug.accept-malformed-index lets them pass.
  base::Status OutOfOrderLabels() const;
  // Duplicated chunks: RepairBlock drops them, merging copes with them.
  base::Status Duplicates() const;
  // The first of the above that is not OK; then wrong statistics.
  base::Status Any() const;
};

struct VerifyOptions {
  // False: only the index, the segments' headers and that every chunk lies within its segment.
  bool read_chunks = true;
  // As in MergeOptions.
  concurrency::ThreadPool* pool = nullptr;
};

// Reads the local block `block_dir` once from start to end. An error is returned for what is no property of
// the block's data: no meta.json or an unreadable one, no index file (NotFound), I/O errors, cancellation.
// Thread-safe.
base::StatusOr<BlockHealth> VerifyBlock(const base::CancelToken& cancel, const std::string& block_dir,
                                        const VerifyOptions& options = {});

struct RepairOptions {
  // The result's name and the `source` field of its Thanos section (kSourceCompactorRepair,
  // kSourceBucketRepair). The rest of the section is the input's, without files and upload time.
  model::Ulid ulid;
  std::string source;
  uint64_t max_segment_bytes = uint64_t{512} << 20;
};

struct RepairResult {
  bool empty = false;  // nothing is left; nothing was written
  block::Meta meta;
  std::vector<block::BlockFile> files;  // as in MergeResult
  uint64_t dropped_duplicates = 0;
  uint64_t dropped_outside = 0;  // complete outsiders, issue 347 included
};

// Writes `<out_parent>/<ulid>` from the local block `block_dir`: series and labels sorted, equal series
// joined, chunks sorted by time, duplicated chunks and those completely outside the block's time range left
// out. Level, sources and times stay; the input is the only parent. FailedPrecondition: chunks overlap that
// are not equal. DataLoss: damage (see BlockHealth::Damage). Memory: one entry of 32 bytes per series more
// than MergeBlocks.
base::StatusOr<RepairResult> RepairBlock(const base::CancelToken& cancel, const std::string& block_dir,
                                         const std::string& out_parent, const RepairOptions& options);

}  // namespace thanos::compact
