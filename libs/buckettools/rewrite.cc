#include "buckettools/rewrite.h"

#include <algorithm>
#include <set>
#include <utility>

#include "base/bytes.h"
#include "base/strings.h"
#include "block/reader.h"
#include "block/writer.h"
#include "buckettools/tombstones.h"
#include "compact/block_merger.h"
#include "labels/builder.h"

namespace thanos::buckettools {
namespace {

constexpr size_t kSeriesPerCancelCheck = 1024;

// A series under its new labels.
struct Relabelled {
  labels::LabelSpan labels;
  index::SeriesRef ref;
};

class Rewriter {
 public:
  Rewriter(const base::CancelToken& cancel, const std::string& block_dir, const std::string& out_parent,
           const RewriteOptions& options)
      : cancel_(cancel), block_dir_(block_dir), out_parent_(out_parent), options_(options) {}

  base::StatusOr<RewriteResult> Run();

 private:
  void Tell(const std::string& line) {
    if (options_.change) {
      options_.change(line);
    }
  }
  // Calls `visit` for each series of `input`, in order.
  template <typename Visit>
  base::Status ForEachSeries(const block::BlockReader& input, const Visit& visit);

  base::Status Relabel(const block::BlockReader& input);
  base::Status WriteLayers(const block::BlockReader& input);
  base::Status WriteLayer(const block::BlockReader& input, const std::vector<Relabelled>& series);
  // The deleted intervals of a series, by the requests that match it.
  std::vector<block::BlockRewrite::Interval> DeletedOf(labels::LabelSpan labels,
                                                       const std::vector<index::ChunkMeta>& chunks) const;
  base::Status Delete(const std::string& directory);
  base::Status Merge(const block::Meta& source);

  const base::CancelToken& cancel_;
  const std::string& block_dir_;
  const std::string& out_parent_;
  const RewriteOptions& options_;
  std::vector<std::string> inputs_;  // directories of the blocks that become the result
  base::Arena arena_;
  std::vector<Relabelled> relabelled_;
  RewriteResult result_;
};

template <typename Visit>
base::Status Rewriter::ForEachSeries(const block::BlockReader& input, const Visit& visit) {
  TH_ASSIGN_OR_RETURN(const index::Postings all, input.index().AllPostings());
  index::IndexSeries series;
  size_t count = 0;
  for (const index::SeriesRef ref : all) {
    if (++count % kSeriesPerCancelCheck == 0) {
      TH_RETURN_IF_ERROR(cancel_.status());
    }
    TH_RETURN_IF_ERROR(input.index().Series(ref, &series));
    visit(ref, series);
  }
  return base::OkStatus();
}

base::Status Rewriter::Relabel(const block::BlockReader& input) {
  labels::LabelBuilder builder;
  return ForEachSeries(input, [&](index::SeriesRef ref, const index::IndexSeries& series) {
    const labels::LabelSpan before(series.labels);
    builder.Reset(before);
    if (!relabel::Process(options_.relabels, &builder) || builder.span().empty()) {
      ++result_.num_deleted_series;
      Tell(base::Concat("Deleted ", labels::ToString(before), " ",
                        series.chunks.empty() ? std::string("[]")
                                              : base::Concat("[{", series.chunks.front().min_time_ms, " ",
                                                             series.chunks.back().max_time_ms, "}]")));
      return;
    }
    if (!labels::Equal(before, builder.span())) {
      ++result_.num_relabelled_series;
      Tell(base::Concat("Relabelled ", labels::ToString(before), " ", labels::ToString(builder.span())));
    }
    relabelled_.push_back({builder.BuildTo(arena_), ref});
  });
}

// Equal label sets cannot stand in one block: the second of each goes to a second layer, and so on. Merging
// the layers makes one series of them.
base::Status Rewriter::WriteLayers(const block::BlockReader& input) {
  std::stable_sort(relabelled_.begin(), relabelled_.end(), [](const Relabelled& a, const Relabelled& b) {
    return labels::Compare(a.labels, b.labels) < 0;
  });
  std::vector<std::vector<Relabelled>> layers;
  size_t depth = 0;
  for (size_t i = 0; i < relabelled_.size(); ++i) {
    depth = i > 0 && labels::Equal(relabelled_[i - 1].labels, relabelled_[i].labels) ? depth + 1 : 0;
    if (depth == layers.size()) {
      layers.emplace_back();
    }
    layers[depth].push_back(relabelled_[i]);
  }
  for (const std::vector<Relabelled>& layer : layers) {
    TH_RETURN_IF_ERROR(WriteLayer(input, layer));
  }
  return base::OkStatus();
}

base::Status Rewriter::WriteLayer(const block::BlockReader& input, const std::vector<Relabelled>& series) {
  const model::Ulid ulid = model::Ulid::Generate(options_.ulid.time_ms());
  TH_ASSIGN_OR_RETURN(const auto writer, block::BlockWriter::Create(out_parent_, ulid));
  std::set<std::string_view> symbols = {""};
  for (const Relabelled& one : series) {
    for (const labels::LabelView& label : one.labels) {
      symbols.insert(label.name);
      symbols.insert(label.value);
    }
  }
  for (const std::string_view symbol : symbols) {
    TH_RETURN_IF_ERROR(writer->AddSymbol(symbol));
  }
  index::IndexSeries entry;
  std::vector<block::ChunkToWrite> chunks;
  size_t count = 0;
  for (const Relabelled& one : series) {
    if (++count % kSeriesPerCancelCheck == 0) {
      TH_RETURN_IF_ERROR(cancel_.status());
    }
    TH_RETURN_IF_ERROR(input.index().Series(one.ref, &entry));
    chunks.clear();
    for (const index::ChunkMeta& chunk : entry.chunks) {
      TH_ASSIGN_OR_RETURN(const block::EncodedChunk encoded, input.chunks().Read(chunk.ref));
      chunks.push_back({chunk.min_time_ms, chunk.max_time_ms, encoded.encoding, encoded.data});
    }
    TH_RETURN_IF_ERROR(writer->AddSeries(one.labels, chunks));
  }
  TH_RETURN_IF_ERROR(writer->Finish(input.meta()).status());
  inputs_.push_back(base::Concat(out_parent_, "/", ulid.ToString()));
  return base::OkStatus();
}

std::vector<block::BlockRewrite::Interval> Rewriter::DeletedOf(
    labels::LabelSpan labels, const std::vector<index::ChunkMeta>& chunks) const {
  std::vector<block::BlockRewrite::Interval> deleted;
  if (chunks.empty()) {
    return deleted;
  }
  const block::BlockRewrite::Interval all{chunks.front().min_time_ms, chunks.back().max_time_ms};
  for (const DeletionRequest& request : options_.deletions) {
    const bool matches =
        std::all_of(request.matchers.begin(), request.matchers.end(), [&](const labels::Matcher& matcher) {
          const std::string_view value = labels::Get(labels, matcher.name());
          return !value.empty() && matcher.Matches(value);
        });
    if (!matches) {
      continue;
    }
    if (request.text.intervals.empty()) {
      return {all};
    }
    for (const auto& interval : request.text.intervals) {
      const block::BlockRewrite::Interval cut{std::max(interval.min_time_ms, all.min_time_ms),
                                              std::min(interval.max_time_ms, all.max_time_ms)};
      if (cut.min_time_ms <= cut.max_time_ms) {
        deleted.push_back(cut);
      }
    }
  }
  return JoinIntervals(std::move(deleted));
}

base::Status Rewriter::Delete(const std::string& directory) {
  TH_ASSIGN_OR_RETURN(const auto input, block::BlockReader::Open(directory));
  std::vector<SeriesTombstones> tombstones;
  TH_RETURN_IF_ERROR(ForEachSeries(*input, [&](index::SeriesRef ref, const index::IndexSeries& series) {
    auto deleted = DeletedOf(labels::LabelSpan(series.labels), series.chunks);
    if (deleted.empty()) {
      return;
    }
    const bool all = deleted.front().min_time_ms <= series.chunks.front().min_time_ms &&
                     deleted.front().max_time_ms >= series.chunks.back().max_time_ms;
    ++(all ? result_.num_deleted_series : result_.num_cut_series);
    std::vector<std::string> intervals;
    for (const auto& interval : deleted) {
      intervals.push_back(base::Concat("{", interval.min_time_ms, " ", interval.max_time_ms, "}"));
    }
    Tell(base::Concat("Deleted ", labels::ToString(labels::LabelSpan(series.labels)), " [",
                      base::Join(intervals, " "), "]"));
    tombstones.push_back({ref, std::move(deleted)});
  }));
  return options_.dry_run || tombstones.empty() ? base::OkStatus() : WriteTombstones(directory, tombstones);
}

base::Status Rewriter::Merge(const block::Meta& source) {
  compact::MergeOptions merge;
  merge.function = compact::MergeFunction::kOneToOne;
  merge.ulid = options_.ulid;
  merge.thanos = source.thanos;
  merge.pool = options_.pool;
  TH_ASSIGN_OR_RETURN(compact::MergeResult merged,
                      compact::MergeBlocks(cancel_, inputs_, out_parent_, merge));
  result_.empty = merged.empty;
  if (merged.empty) {
    return base::OkStatus();
  }
  block::BlockRewrite rewrite;
  rewrite.sources = source.compaction.sources;
  for (const DeletionRequest& request : options_.deletions) {
    rewrite.deletions.push_back(request.text);
  }
  for (const relabel::Rule& rule : options_.relabels) {
    rewrite.relabels.push_back(rule.config());
  }
  block::Meta meta = source;
  meta.ulid = options_.ulid;
  meta.stats = merged.meta.stats;
  meta.compaction.sources = {options_.ulid};
  if (meta.thanos) {
    meta.thanos->source = block::kSourceBucketRewrite;
    meta.thanos->new_rewrites = {rewrite};
    meta.thanos->files = merged.files;
    meta.thanos->segment_files = merged.meta.thanos->segment_files;
    meta.thanos->series_max_bytes = merged.meta.thanos->series_max_bytes;
    meta.thanos->chunk_max_bytes = merged.meta.thanos->chunk_max_bytes;
  }
  TH_RETURN_IF_ERROR(block::WriteMetaFile(base::Concat(out_parent_, "/", options_.ulid.ToString()), meta));
  // Parsed again, so that what was appended to the rewrites is part of its text and not appended once more.
  TH_ASSIGN_OR_RETURN(result_.meta, block::ParseMeta(block::FormatMeta(meta)));
  result_.files = std::move(merged.files);
  return base::OkStatus();
}

base::StatusOr<RewriteResult> Rewriter::Run() {
  TH_ASSIGN_OR_RETURN(const auto input, block::BlockReader::Open(block_dir_));
  if (options_.relabels.empty()) {
    inputs_.push_back(block_dir_);
  } else {
    TH_RETURN_IF_ERROR(Relabel(*input));
    // Also when nothing is to be kept of it, the deletions are told of the series under their new names.
    TH_RETURN_IF_ERROR(WriteLayers(*input));
  }
  if (!options_.deletions.empty()) {
    for (const std::string& directory : inputs_) {
      TH_RETURN_IF_ERROR(Delete(directory));
    }
  }
  if (options_.dry_run || inputs_.empty()) {
    result_.empty = true;
    return std::move(result_);
  }
  TH_RETURN_IF_ERROR(Merge(input->meta()));
  return std::move(result_);
}

}  // namespace

base::StatusOr<RewriteResult> RewriteBlock(const base::CancelToken& cancel, const std::string& block_dir,
                                           const std::string& out_parent, const RewriteOptions& options) {
  return Rewriter(cancel, block_dir, out_parent, options).Run();
}

}  // namespace thanos::buckettools
