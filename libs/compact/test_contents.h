#pragma once

// Every sample a reader finds in a bucket, for tests of what must never be lost.

#include <bit>
#include <filesystem>
#include <map>
#include <string>
#include <utility>
#include <vector>

#include "base/status.h"
#include "base/strings.h"
#include "block/filters.h"
#include "block/meta.h"
#include "block/reader.h"
#include "chunkenc/aggr_chunk.h"
#include "chunkenc/column_decoder.h"
#include "compact/block_merger.h"
#include "compact/block_transfer.h"
#include "concurrency/thread_pool.h"
#include "objstore/bucket.h"

namespace thanos::compact {

// Samples by time with the bits of their values. Of aggregate chunks: the counts.
using SeriesSamples = std::map<int64_t, uint64_t>;
// Keys: resolution, then "{external labels}{series labels}".
using BucketContents = std::map<int64_t, std::map<std::string, SeriesSamples>>;

namespace internal {

inline base::Status AddBlock(const std::string& directory, BucketContents* contents) {
  TH_ASSIGN_OR_RETURN(const auto block, block::BlockReader::Open(directory));
  auto& by_series = (*contents)[block->meta().resolution_ms()];
  TH_ASSIGN_OR_RETURN(const auto refs, block->index().AllPostings());
  index::IndexSeries series;
  for (const index::SeriesRef ref : refs) {
    TH_RETURN_IF_ERROR(block->index().Series(ref, &series));
    SeriesSamples& samples = by_series[base::Concat(labels::ToString(block->meta().external_labels()),
                                                    labels::ToString(series.labels))];
    for (const index::ChunkMeta& meta : series.chunks) {
      TH_ASSIGN_OR_RETURN(const block::EncodedChunk chunk, block->chunks().Read(meta.ref));
      chunkenc::AggregatePart part{chunk.encoding, chunk.data};
      if (chunk.encoding == chunkenc::Encoding::kAggregate) {
        TH_ASSIGN_OR_RETURN(const auto parts, chunkenc::SplitAggregateChunk(chunk.data));
        part = parts[0];
      }
      chunkenc::SampleColumns columns;
      TH_RETURN_IF_ERROR(
          chunkenc::DecodeChunk(part.encoding, part.data, model::kMinTimeMs, model::kMaxTimeMs, &columns));
      for (size_t i = 0; i < columns.size(); ++i) {
        // Windows at the border of two aggregate chunks may end at the same time.
        const bool is_new =
            samples.emplace(columns.timestamps[i], std::bit_cast<uint64_t>(columns.values[i])).second;
        if (!is_new && chunk.encoding != chunkenc::Encoding::kAggregate) {
          return base::DataLoss("series ", labels::ToString(series.labels), " has two samples at ",
                                columns.timestamps[i]);
        }
      }
    }
  }
  return base::OkStatus();
}

}  // namespace internal

// The blocks a reader uses: with meta.json, not covered by others. Fails when one of them is not whole and
// healthy, or a sample is there twice. `scratch` is emptied.
inline base::StatusOr<BucketContents> ReadContents(objstore::Bucket& bucket, const std::string& scratch,
                                                   block::MetaMap* blocks = nullptr) {
  block::MetaMap metas;
  const auto read_meta = [&](const objstore::ListEntry& entry) -> base::Status {
    const auto ulid = model::Ulid::Parse(entry.name.substr(0, entry.name.find('/')));
    if (!ulid) {
      return base::OkStatus();
    }
    const auto text = bucket.Get({}, block::MetaPath(*ulid));
    if (text.status().code() == base::StatusCode::kNotFound) {
      return base::OkStatus();
    }
    TH_RETURN_IF_ERROR(text.status());
    TH_ASSIGN_OR_RETURN(auto meta, block::ParseMeta(text->bytes));
    metas.emplace(*ulid, std::make_shared<const block::Meta>(std::move(meta)));
    return base::OkStatus();
  };
  TH_RETURN_IF_ERROR(bucket.List({}, "", {}, read_meta));
  TH_ASSIGN_OR_RETURN(const auto covered, block::FindCovered({}, metas));
  for (const auto& entry : covered) {
    metas.erase(entry.first);
  }
  concurrency::ThreadPool pool("contents", 1);
  BucketContents contents;
  for (const auto& [ulid, meta] : metas) {
    TH_RETURN_IF_ERROR(RemoveTree(scratch));
    TH_RETURN_IF_ERROR(DownloadBlock({}, {bucket, pool, 1}, *meta, scratch));
    TH_ASSIGN_OR_RETURN(const BlockHealth health, VerifyBlock({}, scratch));
    TH_RETURN_IF_ERROR(base::Annotate(health.Any(), "block ", ulid.ToString()));
    TH_RETURN_IF_ERROR(base::Annotate(internal::AddBlock(scratch, &contents), "block ", ulid.ToString()));
  }
  TH_RETURN_IF_ERROR(RemoveTree(scratch));
  if (blocks != nullptr) {
    *blocks = std::move(metas);
  }
  return contents;
}

}  // namespace thanos::compact
