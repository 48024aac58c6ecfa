#pragma once

// The index-header of a store gateway: symbols and postings offset table of an index, in Thanos' binary
// format, so that a data directory can be taken over. It is a cache: rebuilt when missing or damaged.

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "base/bytes.h"
#include "base/file_mapping.h"
#include "base/status.h"
#include "index/postings.h"
#include "index/postings_table.h"
#include "index/symbol_table.h"
#include "index/toc.h"

namespace thanos::index {

// Reads [offset, offset + length) of an index object; the answer has exactly `length` bytes.
using RangeReader = std::function<base::StatusOr<base::SharedBytes>(uint64_t offset, uint64_t length)>;

// Immutable, thread-safe. Views live as long as the header. On the heap are only sampled offsets; the file is
// mapped.
class IndexHeader {
 public:
  // Reads header, table of contents, symbols and postings offset table of an index of `index_bytes` and
  // writes the index-header to `path` by way of `<path>.tmp`, synced and verified before the rename.
  static base::Status Build(const RangeReader& read, uint64_t index_bytes, const std::string& path);
  // The same in memory.
  static base::StatusOr<std::string> BuildBytes(const RangeReader& read, uint64_t index_bytes);

  // NotFound: no such file. DataLoss: damaged; build it again. For `sampling` see PostingsTable::Open.
  static base::StatusOr<std::unique_ptr<IndexHeader>> Open(const std::string& path,
                                                           size_t sampling = PostingsTable::kDefaultSampling);
  static base::StatusOr<std::unique_ptr<IndexHeader>> FromBytes(
      base::SharedBytes bytes, size_t sampling = PostingsTable::kDefaultSampling);

  int index_version() const { return index_version_; }
  const Toc& toc() const { return toc_; }
  uint64_t size_bytes() const { return bytes_.bytes.size(); }
  // False: its file was cut short since Open, and what was read from it may be wrong. Ask after reading.
  bool intact() const { return base::IsIntact(bytes_.owner); }
  // Gives back the memory of what was read so far; reading again is possible at any time.
  void ReleasePages() const { base::ReleasePages(bytes_.owner); }

  const SymbolTable& symbols() const { return symbols_; }
  const PostingsTable& postings_table() const { return postings_table_; }

  // DataLoss: no such symbol.
  base::StatusOr<std::string_view> Symbol(uint32_t ref) const { return symbols_.Lookup(ref); }
  // Ascending.
  std::vector<std::string_view> LabelNames() const { return postings_table_.Names(); }
  // Ascending; empty for an unknown name.
  std::vector<std::string_view> LabelValues(std::string_view name) const;
  // Where the lists of the pairs lie in the index, in the order of `values`; an empty range when there is
  // none. Pass such a range's bytes to DecodePostings.
  std::vector<ByteRange> PostingsRanges(std::string_view name,
                                        const std::vector<std::string_view>& values) const;
  ByteRange AllPostingsRange() const;

 private:
  IndexHeader(base::SharedBytes bytes, int index_version, const Toc& toc, SymbolTable symbols,
              PostingsTable postings_table);

  const base::SharedBytes bytes_;
  const int index_version_;
  const Toc toc_;
  const SymbolTable symbols_;
  const PostingsTable postings_table_;
};

}  // namespace thanos::index
