#pragma once

// Writes a TSDB index file of version 2 in one pass over its series.

#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <string_view>

#include "base/status.h"
#include "index/series_decoder.h"
#include "labels/labels.h"

namespace thanos::index {

struct WriterOptions {
  // Label indices and their offset table, which readers ignore; with them the file is what Prometheus 2.x
  // writes.
  bool label_indices = false;
  // Postings are collected in passes over the written series that hold at most this many references (or one
  // label name).
  uint64_t max_postings_in_memory = uint64_t{8} << 20;
};

// Order of calls: every symbol, every series, Finish. Not thread-safe. Memory: the symbols, one count per
// label pair and one pass of postings. After an error only destruction is allowed, which removes the
// unfinished file.
class Writer {
 public:
  // Creates or truncates `path`.
  static base::StatusOr<std::unique_ptr<Writer>> Create(const std::string& path,
                                                        const WriterOptions& options = {});
  ~Writer();
  Writer(const Writer&) = delete;
  Writer& operator=(const Writer&) = delete;

  // Strictly ascending; must contain every label name and value of the series (the empty string is
  // customary). InvalidArgument: out of order.
  base::Status AddSymbol(std::string_view symbol);
  // All symbols at once, instead of AddSymbol, and without a copy: what `symbols` points to, and the strings
  // themselves, must live until Finish. Only the second form of AddSeries may follow.
  base::Status SetSymbols(std::span<const std::string_view> symbols);
  // Ascending by labels, no duplicates; chunks by time.
  // InvalidArgument: out of order, or a string is not a symbol.
  base::Status AddSeries(labels::LabelSpan labels, std::span<const ChunkMeta> chunks);
  // The same with labels as ordinals of the symbols.
  base::Status AddSeries(std::span<const SymbolPair> labels, std::span<const ChunkMeta> chunks);
  // Writes postings and tables, syncs and closes the file.
  base::Status Finish();

  uint64_t num_series() const;
  // Bytes of the largest series entry (thanos.index_stats.series_max_size).
  uint64_t max_series_bytes() const;

 private:
  class Impl;
  explicit Writer(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl_;
};

}  // namespace thanos::index
