#pragma once

// Reads a whole TSDB index file (versions 1 and 2), usually memory-mapped.

#include <cstdint>
#include <limits>
#include <memory>
#include <string_view>
#include <vector>

#include "base/bytes.h"
#include "base/status.h"
#include "index/expanded_postings.h"
#include "index/postings.h"
#include "index/postings_table.h"
#include "index/series_decoder.h"
#include "index/symbol_table.h"
#include "index/toc.h"
#include "labels/labels.h"
#include "labels/matcher.h"

namespace thanos::index {

// A series with its labels resolved; the views live as long as the reader. Reused between calls.
struct IndexSeries {
  std::vector<labels::LabelView> labels;
  std::vector<ChunkMeta> chunks;
  std::vector<SymbolPair> symbols;  // what `labels` was resolved from
};

// Immutable, thread-safe. All returned views live as long as the reader. Every checksum is verified: symbols
// and the postings offset table by Open, lists and series when they are read. Damage is DataLoss naming part
// and position.
class Reader {
 public:
  static base::StatusOr<std::unique_ptr<Reader>> Open(base::SharedBytes index);

  int version() const { return version_; }
  const Toc& toc() const { return toc_; }
  uint64_t size_bytes() const { return index_.bytes.size(); }
  const SymbolTable& symbols() const { return symbols_; }

  std::vector<std::string_view> LabelNames() const { return postings_table_.Names(); }
  // Ascending; empty for an unknown name.
  std::vector<std::string_view> LabelValues(std::string_view name) const;

  // Empty when the pair does not occur. ("", "") is all series.
  base::StatusOr<Postings> PostingsFor(std::string_view name, std::string_view value) const;
  base::StatusOr<Postings> AllPostings() const { return PostingsFor({}, {}); }
  // References of the series every matcher accepts.
  base::StatusOr<Postings> PostingsFor(const std::vector<labels::Matcher>& matchers) const;

  // The series of `ref` with its chunks overlapping [min_time_ms, max_time_ms], both inclusive. False: none
  // overlaps; `series` is then unspecified.
  base::StatusOr<bool> Series(SeriesRef ref, int64_t min_time_ms, int64_t max_time_ms,
                              IndexSeries* series) const;
  // With all its chunks, also when it has none.
  base::Status Series(SeriesRef ref, IndexSeries* series) const;
  // The entry alone, its labels as the symbol references of the file (not checked against the symbols), with
  // all its chunks. `entry_bytes`, unless null, is set to the size of the entry.
  base::Status Entry(SeriesRef ref, SeriesEntry* entry, uint64_t* entry_bytes = nullptr) const;

 private:
  Reader(base::SharedBytes index, int version, const Toc& toc, SymbolTable symbols,
         PostingsTable postings_table);
  base::Status ResolveLabels(uint64_t offset, IndexSeries* series) const;

  const base::SharedBytes index_;
  const int version_;
  const Toc toc_;
  const SymbolTable symbols_;
  const PostingsTable postings_table_;
};

}  // namespace thanos::index
