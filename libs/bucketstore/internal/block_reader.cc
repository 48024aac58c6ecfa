#include "bucketstore/internal/block_reader.h"

#include <algorithm>
#include <utility>

#include "bucketstore/internal/lazy_postings.h"
#include "bucketstore/internal/range_fetch.h"

namespace thanos::bucketstore::internal {
namespace {

// Length field and checksum around the body of a series entry.
constexpr uint64_t kSeriesFrameBytes = 16;
// From this many series on a cache of symbols pays for its set-up.
constexpr size_t kCacheSymbolsFromSeries = 100;

// Postings of a block whose index is in the bucket: values come from the index-header, lists by range reads.
class BucketPostingsSource final : public index::PostingsSource {
 public:
  BucketPostingsSource(const base::CancelToken& cancel, BucketBlock& block, const index::IndexHeader& header,
                       RequestScope& scope)
      : cancel_(cancel), block_(block), header_(header), scope_(scope) {}

  base::Status VisitValues(std::string_view name, std::string_view prefix,
                           const std::function<void(std::string_view)>& visit) override {
    header_.postings_table().VisitValues(name, prefix, [&](std::string_view value, ByteRange) {
      visit(value);
      return true;
    });
    return cancel_.status();
  }

  base::StatusOr<std::vector<index::Postings>> Fetch(std::span<const index::PostingsKey> keys) override {
    const model::Ulid& block_id = block_.meta().ulid;
    std::vector<std::optional<index::Postings>> cached =
        scope_.index_cache.FindPostings(cancel_, block_id, keys);
    std::vector<index::Postings> lists(keys.size());
    std::vector<ByteRange> ranges(keys.size());
    num_lists += keys.size();
    for (size_t i = 0; i < keys.size(); ++i) {
      const auto range = header_.postings_table().Find(keys[i].name, keys[i].value);
      if (!range) {
        continue;
      }
      touched_bytes += range->size();
      if (cached[i]) {
        // Limits do not depend on what the cache holds.
        TH_RETURN_IF_ERROR(scope_.fetcher.Charge(range->size()));
        lists[i] = *std::move(cached[i]);
      } else {
        ranges[i] = *range;
        ++num_fetched;
      }
    }
    TH_ASSIGN_OR_RETURN(const FetchedRanges fetched,
                        scope_.fetcher.Fetch(cancel_, block_.index_object(), ranges));
    fetched_bytes += fetched.num_bytes();
    for (size_t i = 0; i < keys.size(); ++i) {
      if (ranges[i].empty()) {
        continue;
      }
      const std::string_view bytes = fetched.From(ranges[i].begin).substr(0, ranges[i].size());
      TH_ASSIGN_OR_RETURN(lists[i], index::DecodePostings(bytes, base::Concat("postings of ", keys[i].name,
                                                                              "=", keys[i].value)));
    }
    TH_RETURN_IF_ERROR(fetched.CheckIntact());
    for (size_t i = 0; i < keys.size(); ++i) {
      if (!ranges[i].empty()) {
        scope_.index_cache.PutPostings(block_id, keys[i], lists[i]);
      }
    }
    return lists;
  }

  uint64_t num_lists = 0;
  uint64_t num_fetched = 0;
  uint64_t touched_bytes = 0;
  uint64_t fetched_bytes = 0;

 private:
  const base::CancelToken& cancel_;
  BucketBlock& block_;
  const index::IndexHeader& header_;
  RequestScope& scope_;
};

uint64_t SeriesEnd(const index::Toc& toc) {
  return toc.label_indices > toc.series ? toc.label_indices : toc.postings;
}

}  // namespace

BlockIndexReader::BlockIndexReader(std::shared_ptr<BucketBlock> block,
                                   std::shared_ptr<const index::IndexHeader> header, RequestScope& scope)
    : block_(std::move(block)),
      header_(std::move(header)),
      scope_(scope),
      series_end_(SeriesEnd(header_->toc())),
      guess_bytes_([this] {
        const int64_t known = block_->meta().thanos ? block_->meta().thanos->series_max_bytes : 0;
        const int64_t guess = scope_.options.series_guess_bytes;
        return static_cast<uint64_t>(known > 0 && known < guess ? known : guess) + kSeriesFrameBytes;
      }()) {}

base::StatusOr<std::unique_ptr<BlockIndexReader>> BlockIndexReader::Open(const base::CancelToken& cancel,
                                                                         std::shared_ptr<BucketBlock> block,
                                                                         RequestScope& scope) {
  TH_ASSIGN_OR_RETURN(auto header, block->Header(cancel));
  return std::unique_ptr<BlockIndexReader>(new BlockIndexReader(std::move(block), std::move(header), scope));
}

BlockIndexReader::LazyMatchers BlockIndexReader::TakeLazyGroups(const std::vector<labels::Matcher>& matchers,
                                                                index::PostingsPlan* plan) {
  constexpr int64_t kTypicalSeriesBytes = 512;
  const int64_t known = block_->meta().thanos ? block_->meta().thanos->series_max_bytes : 0;
  const auto choice =
      ChooseLazyGroups(*plan, header_->postings_table(),
                       {.max_key_series_ratio = scope_.options.posting_group_max_key_series_ratio,
                        .series_bytes = known > 0 ? known : kTypicalSeriesBytes});
  LazyMatchers lazy;
  std::vector<index::PostingsGroup> kept;
  for (size_t i = 0; i < plan->groups.size(); ++i) {
    if (choice[i].reason == LazyReason::kNone) {
      kept.push_back(std::move(plan->groups[i]));
      continue;
    }
    lazy.push_back(&matchers[plan->groups[i].matcher_index]);
    scope_.metrics.lazy_postings_bytes.Increment(static_cast<double>(choice[i].num_bytes));
    (choice[i].reason == LazyReason::kKeysLimit ? scope_.metrics.lazy_groups_keys_limit
                                                : scope_.metrics.lazy_groups_postings_size)
        .Increment();
  }
  plan->groups = std::move(kept);
  if (!lazy.empty()) {
    scope_.metrics.lazy_postings.Increment();
  }
  return lazy;
}

base::StatusOr<index::Postings> BlockIndexReader::ReadPostings(const base::CancelToken& cancel,
                                                               const std::vector<labels::Matcher>& matchers,
                                                               LazyMatchers* lazy) {
  const model::Ulid& block_id = block_->meta().ulid;
  if (auto cached = scope_.index_cache.FindExpanded(cancel, block_id, matchers)) {
    return *std::move(cached);
  }
  BucketPostingsSource source(cancel, *block_, *header_, scope_);
  const base::TimePoint start = base::SteadyNow();
  TH_ASSIGN_OR_RETURN(index::PostingsPlan plan, index::PlanPostings(source, matchers));
  if (lazy != nullptr && scope_.options.lazy_expanded_postings) {
    *lazy = TakeLazyGroups(matchers, &plan);
  }
  TH_ASSIGN_OR_RETURN(index::Postings postings, index::FetchPlan(source, plan));
  scope_.metrics.postings_fetch_duration.Observe(base::ToSeconds(base::SteadyNow() - start));
  scope_.metrics.postings_size.Observe(static_cast<double>(source.touched_bytes));
  work_.lists_touched = source.num_lists;
  work_.lists_fetched = source.num_fetched;
  work_.postings_bytes_touched = source.touched_bytes;
  work_.postings_bytes_fetched = source.fetched_bytes;
  TH_RETURN_IF_ERROR(CheckIntact());
  if (lazy == nullptr || lazy->empty()) {
    scope_.index_cache.PutExpanded(block_id, matchers, postings);
  }
  return postings;
}

base::StatusOr<index::Postings> BlockIndexReader::ExpandPostings(const base::CancelToken& cancel,
                                                                 const std::vector<labels::Matcher>& matchers,
                                                                 LazyMatchers* lazy) {
  if (matchers.empty()) {
    return index::Postings();
  }
  TH_ASSIGN_OR_RETURN(index::Postings postings, ReadPostings(cancel, matchers, lazy));
  TH_RETURN_IF_ERROR(scope_.series_limiter.Reserve(postings.size()));
  work_.series_touched = postings.size();
  if (postings.size() >= kCacheSymbolsFromSeries) {
    symbols_ = std::make_unique<index::SymbolCache>(header_->symbols());
  }
  if (postings.empty()) {
    scope_.metrics.empty_postings.Increment();
  }
  return postings;
}

base::StatusOr<bool> BlockIndexReader::DecodeAt(const base::CancelToken& cancel, index::SeriesRef ref,
                                                std::string_view bytes) {
  const int64_t min_time_ms = scope_.request.min_time_ms;
  const int64_t max_time_ms = scope_.request.max_time_ms;
  const uint64_t offset = index::SeriesOffset(header_->index_version(), ref);
  FetchedRanges refetched;
  auto overlaps = index::DecodeSeries(bytes, offset, min_time_ms, max_time_ms, &entry_);
  if (overlaps.status().code() == base::StatusCode::kOutOfRange) {
    // Longer than guessed.
    TH_ASSIGN_OR_RETURN(const uint64_t size, index::SeriesEntryBytes(bytes));
    if (size > series_end_ - offset) {
      return base::DataLoss("series at ", offset, " reaches beyond the series section");
    }
    scope_.metrics.series_refetches.Increment();
    TH_ASSIGN_OR_RETURN(refetched,
                        scope_.fetcher.Fetch(cancel, block_->index_object(), {{offset, offset + size}}));
    work_.series_bytes_fetched += size;
    bytes = refetched.From(offset);
    overlaps = index::DecodeSeries(bytes, offset, min_time_ms, max_time_ms, &entry_);
    if (overlaps.status().code() == base::StatusCode::kOutOfRange) {
      return base::DataLoss(base::Message(overlaps.status()));
    }
  }
  TH_RETURN_IF_ERROR(overlaps.status());
  TH_ASSIGN_OR_RETURN(const uint64_t size, index::SeriesEntryBytes(bytes));
  work_.series_bytes_touched += size;
  if (!scope_.is_local) {
    scope_.index_cache.PutSeries(block_->meta().ulid, ref, bytes.substr(0, size));
  }
  return overlaps;
}

base::Status BlockIndexReader::FetchEntries(const base::CancelToken& cancel,
                                            std::span<const index::SeriesRef> refs,
                                            std::vector<base::SharedBytes>* cached, FetchedRanges* fetched) {
  if (!scope_.is_local) {
    *cached = scope_.index_cache.FindSeries(cancel, block_->meta().ulid, refs);
  }
  std::vector<ByteRange> ranges;
  ranges.reserve(refs.size());
  for (size_t i = 0; i < refs.size(); ++i) {
    const uint64_t offset = index::SeriesOffset(header_->index_version(), refs[i]);
    if (offset < header_->toc().series || offset >= series_end_) {
      return base::DataLoss("series reference ", offset, " is outside the series section");
    }
    if (!cached->empty() && (*cached)[i].owner != nullptr) {
      TH_RETURN_IF_ERROR(scope_.fetcher.Charge((*cached)[i].bytes.size()));
      continue;
    }
    ranges.push_back({offset, std::min(offset + guess_bytes_, series_end_)});
    ++work_.series_fetched;
  }
  const base::TimePoint start = base::SteadyNow();
  TH_ASSIGN_OR_RETURN(*fetched, scope_.fetcher.Fetch(cancel, block_->index_object(), std::move(ranges)));
  const base::Duration elapsed = base::SteadyNow() - start;
  work_.series_fetch_time += elapsed;
  scope_.metrics.series_fetch_duration.Observe(base::ToSeconds(elapsed));
  work_.series_bytes_fetched += fetched->num_bytes();
  return base::OkStatus();
}

base::Status BlockIndexReader::ReadSeries(const base::CancelToken& cancel,
                                          std::span<const index::SeriesRef> refs, const Visit& visit) {
  std::vector<base::SharedBytes> cached;
  FetchedRanges fetched;
  TH_RETURN_IF_ERROR(FetchEntries(cancel, refs, &cached, &fetched));
  const base::SharedBytes extent = fetched.Extent();
  index_window_.MoveTo(extent.owner, extent.bytes);
  for (size_t i = 0; i < refs.size(); ++i) {
    const uint64_t offset = index::SeriesOffset(header_->index_version(), refs[i]);
    base::StatusOr<bool> overlaps = false;
    if (!cached.empty() && cached[i].owner != nullptr) {
      work_.series_bytes_touched += cached[i].bytes.size();
      overlaps = index::DecodeSeries(cached[i].bytes, offset, scope_.request.min_time_ms,
                                     scope_.request.max_time_ms, &entry_);
    } else {
      overlaps = DecodeAt(cancel, refs[i], fetched.From(offset));
    }
    TH_RETURN_IF_ERROR(overlaps.status());
    if (*overlaps) {
      TH_ASSIGN_OR_RETURN(const bool more, visit(i, entry_));
      if (!more) {
        break;
      }
    }
  }
  TH_RETURN_IF_ERROR(fetched.CheckIntact());
  return cancel.status();
}

base::Status BlockIndexReader::CheckIntact() const {
  return header_->intact() ? base::OkStatus()
                           : base::DataLoss("index-header became shorter while it was read");
}

base::Status BlockIndexReader::ResolveLabels(const index::SeriesEntry& entry,
                                             std::vector<labels::LabelView>* stored) {
  stored->clear();
  for (const index::SymbolPair& pair : entry.labels) {
    TH_ASSIGN_OR_RETURN(const std::string_view name, Symbol(pair.name));
    TH_ASSIGN_OR_RETURN(const std::string_view value, Symbol(pair.value));
    stored->push_back({name, value});
  }
  return base::OkStatus();
}

labels::LabelSpan CopyWithExternal(base::Arena& arena, labels::LabelSpan stored, labels::LabelSpan external) {
  auto* merged = arena.AllocateArray<labels::LabelView>(stored.size() + external.size());
  size_t count = 0;
  auto next = external.begin();
  for (const labels::LabelView& label : stored) {
    while (next != external.end() && next->name < label.name) {
      merged[count++] = *next++;
    }
    if (next == external.end() || next->name != label.name) {
      merged[count++] = label;
    }
  }
  while (next != external.end()) {
    merged[count++] = *next++;
  }
  return {merged, count};
}

}  // namespace thanos::bucketstore::internal
