#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "base/cancel.h"
#include "base/status.h"
#include "bucketstore/internal/block_reader.h"
#include "bucketstore/internal/block_set.h"
#include "bucketstore/internal/page_window.h"
#include "bucketstore/internal/request_scope.h"
#include "bucketstore/internal/series_order.h"
#include "series/series_set.h"
#include "storeapi/shard.h"

namespace thanos::bucketstore::internal {

// The series of one block, in bounded batches. Trouble with the block ends its stream with a warning, or with
// an error under the abort strategy; breached limits and cancellation are errors always.
class BlockSeriesSet final : public series::SeriesSet {
 public:
  BlockSeriesSet(SelectedBlock selected, std::shared_ptr<RequestScope> scope);
  ~BlockSeriesSet() override;

  // Opens the index-header and finds the series; the blocks of a request can be prepared in parallel. Errors
  // appear in the first Next().
  void Prepare(const base::CancelToken& cancel);
  // The same, and reads the first batch, so that the first reads of all blocks overlap too.
  void PrepareFirstBatch(const base::CancelToken& cancel);
  base::StatusOr<bool> Next(const base::CancelToken& cancel, series::SeriesBatch* batch) override;

 private:
  // A series of the batch whose chunks are to be read: `metas_[begin, end)` belong to `chunks`.
  struct ChunkJob {
    index::SeriesRef ref = 0;
    series::Chunk* chunks = nullptr;
    size_t begin = 0;
    size_t end = 0;
  };
  struct Segment;
  // Label sets in final order, for blocks where merging is not enough.
  struct SortedSeries;

  base::Status PrepareOrFail(const base::CancelToken& cancel);
  bool NeedsSort() const;
  base::Status Sort(const base::CancelToken& cancel);
  base::StatusOr<bool> Fail(const base::Status& status, series::SeriesBatch* batch);
  base::StatusOr<bool> NextBatch(const base::CancelToken& cancel, series::SeriesBatch* batch);
  base::Status ReadStep(const base::CancelToken& cancel, series::SeriesBatch* batch);
  base::Status ReadSortedStep(const base::CancelToken& cancel, series::SeriesBatch* batch);
  // Whether the matchers that postings did not settle accept the series with labels stored_.
  void GrowStep();
  bool Accepts(const index::SeriesEntry& entry) const;
  // The labels to be sent, in `arena`; empty when the series is of another shard.
  labels::LabelSpan FinalLabels(base::Arena& arena);
  series::Series AddSeries(base::Arena& arena, index::SeriesRef ref, labels::LabelSpan labels,
                           const index::SeriesEntry& entry);

  base::Status ReadChunks(const base::CancelToken& cancel, series::SeriesBatch* batch);
  base::Status FetchSegments(const base::CancelToken& cancel, std::vector<Segment>* segments,
                             series::SeriesBatch* batch);
  base::Status FillChunk(const base::CancelToken& cancel, const index::ChunkMeta& meta,
                         const Segment& segment, series::SeriesBatch* batch, series::Chunk* chunk);
  base::Status SetData(std::string_view record, base::Arena& arena, series::Chunk* chunk);

  const SelectedBlock selected_;
  const std::shared_ptr<RequestScope> scope_;
  // External labels without replica labels, and whether stored labels have to be dropped.
  std::vector<labels::LabelView> external_;
  bool drop_stored_ = false;

  bool prepared_ = false;
  bool done_ = false;
  base::Status prepare_status_;
  bool has_first_ = false;  // first_result_ and first_batch_ are what Next() has to give
  base::StatusOr<bool> first_result_ = false;
  series::SeriesBatch first_batch_;
  std::unique_ptr<BlockIndexReader> reader_;
  index::Postings postings_;
  BlockIndexReader::LazyMatchers lazy_matchers_;  // to be asked about each series
  size_t step_series_ = 0;                        // how many are read at once
  size_t position_ = 0;                           // next of postings_
  std::vector<index::SeriesRef> front_;           // to be read before it
  SeriesOrder order_;
  std::shared_ptr<const SortedSeries> sorted_;
  storeapi::ShardMatcher shard_;

  // Of the batch in work; kept for their memory.
  std::vector<index::SeriesRef> step_refs_;
  std::vector<labels::LabelView> stored_;
  std::vector<ChunkJob> jobs_;
  std::vector<index::ChunkMeta> metas_;
  RequestWork chunk_work_;
  const std::shared_ptr<std::map<uint32_t, PageWindow>> segment_windows_ =
      std::make_shared<std::map<uint32_t, PageWindow>>();
};

}  // namespace thanos::bucketstore::internal
