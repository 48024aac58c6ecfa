#pragma once

// Index reads of one block for one request.

#include <cstdint>
#include <functional>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/cancel.h"
#include "base/status.h"
#include "bucketstore/internal/bucket_block.h"
#include "bucketstore/internal/page_window.h"
#include "bucketstore/internal/request_scope.h"
#include "index/expanded_postings.h"
#include "index/index_header.h"
#include "index/series_decoder.h"
#include "index/symbol_table.h"
#include "labels/labels.h"
#include "labels/matcher.h"

namespace thanos::bucketstore::internal {

// Not thread-safe. Views of labels live as long as header().
class BlockIndexReader {
 public:
  // `scope` must outlive the reader.
  static base::StatusOr<std::unique_ptr<BlockIndexReader>> Open(const base::CancelToken& cancel,
                                                                std::shared_ptr<BucketBlock> block,
                                                                RequestScope& scope);

  // Series every matcher accepts; none when there are no matchers, like Thanos. `lazy`, when given, gets
  // those of `matchers` that were left unchecked because that is cheaper with the labels at hand.
  using LazyMatchers = std::vector<const labels::Matcher*>;
  base::StatusOr<index::Postings> ExpandPostings(const base::CancelToken& cancel,
                                                 const std::vector<labels::Matcher>& matchers,
                                                 LazyMatchers* lazy = nullptr);

  // Reads the entries of `refs` and calls `visit` with each that has chunks in the request's time range, in
  // the order of `refs`, with its index in `refs`. `entry` may be changed by `visit`, which returns false to
  // stop.
  using Visit = std::function<base::StatusOr<bool>(size_t position, index::SeriesEntry& entry)>;
  base::Status ReadSeries(const base::CancelToken& cancel, std::span<const index::SeriesRef> refs,
                          const Visit& visit);

  // The labels of `entry`, as stored in the block, into `stored`.
  base::Status ResolveLabels(const index::SeriesEntry& entry, std::vector<labels::LabelView>* stored);

  // DataLoss: the file of the index-header was cut short, so that labels and postings read so far may be
  // wrong. To be asked before they leave the process.
  base::Status CheckIntact() const;

  const std::shared_ptr<const index::IndexHeader>& header() const { return header_; }
  BucketBlock& block() const { return *block_; }
  // Work so far.
  using Work = RequestWork;
  const Work& work() const { return work_; }

 private:
  BlockIndexReader(std::shared_ptr<BucketBlock> block, std::shared_ptr<const index::IndexHeader> header,
                   RequestScope& scope);
  base::StatusOr<index::Postings> ReadPostings(const base::CancelToken& cancel,
                                               const std::vector<labels::Matcher>& matchers,
                                               LazyMatchers* lazy);
  // Takes from `plan` what is not to be fetched.
  LazyMatchers TakeLazyGroups(const std::vector<labels::Matcher>& matchers, index::PostingsPlan* plan);
  // Gets the entries of `refs` from the cache (`cached` has their order, or is empty when there is none) and
  // the bucket.
  base::Status FetchEntries(const base::CancelToken& cancel, std::span<const index::SeriesRef> refs,
                            std::vector<base::SharedBytes>* cached, FetchedRanges* fetched);
  // Decodes the entry of `ref`, of which `bytes` is at least the start, into entry_, and caches it.
  base::StatusOr<bool> DecodeAt(const base::CancelToken& cancel, index::SeriesRef ref,
                                std::string_view bytes);

  const std::shared_ptr<BucketBlock> block_;
  const std::shared_ptr<const index::IndexHeader> header_;
  RequestScope& scope_;
  base::StatusOr<std::string_view> Symbol(uint32_t ref) {
    return symbols_ != nullptr ? symbols_->Lookup(ref) : header_->Symbol(ref);
  }

  std::unique_ptr<index::SymbolCache> symbols_;  // null: too few series to be worth it
  const uint64_t series_end_;                    // position behind the series section
  const uint64_t guess_bytes_;
  index::SeriesEntry entry_;
  PageWindow index_window_;
  Work work_;
};

// `stored` with the labels of `external` put in place; `external` wins. The array is in `arena`, the strings
// stay borrowed.
labels::LabelSpan CopyWithExternal(base::Arena& arena, labels::LabelSpan stored, labels::LabelSpan external);

}  // namespace thanos::bucketstore::internal
