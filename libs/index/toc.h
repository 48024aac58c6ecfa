#pragma once

// Fixed parts of an index file: header and table of contents.

#include <cstdint>
#include <string>
#include <string_view>

#include "base/status.h"
#include "index/postings.h"

namespace thanos::index {

inline constexpr uint32_t kIndexMagic = 0xBAAAD700;
inline constexpr size_t kIndexHeaderBytes = 5;
inline constexpr size_t kTocBytes = 52;

// Byte positions in the index file. Label indices and their table are optional; absent ones equal the
// postings fields.
struct Toc {
  uint64_t symbols = 0;
  uint64_t series = 0;
  uint64_t label_indices = 0;
  uint64_t label_offset_table = 0;
  uint64_t postings = 0;
  uint64_t postings_offset_table = 0;

  // Where the last postings list ends at the latest.
  uint64_t PostingsEnd() const;
  friend bool operator==(const Toc&, const Toc&) = default;
};

// The version (1 or 2) of the index that starts with `header` (5 bytes). DataLoss: not an index.
// Unimplemented: other version.
base::StatusOr<int> ParseIndexHeader(std::string_view header);

// `bytes` are the last 52 of an index of `index_bytes`. DataLoss: wrong checksum, or positions out of order
// or bounds.
base::StatusOr<Toc> ParseToc(std::string_view bytes, uint64_t index_bytes);
void AppendToc(std::string& out, const Toc& toc);

// The body of a section: length 4, body, CRC32. `bytes` starts at the length field and may be longer.
// DataLoss: cut off or wrong checksum; `what` names the section.
base::StatusOr<std::string_view> SectionBody(std::string_view bytes, std::string_view what);

}  // namespace thanos::index
