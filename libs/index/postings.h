#pragma once

// Postings: ascending lists of series references, and their algebra. A reference is stored in the index as 32
// bits: in version 2 the byte offset of the series entry divided by 16, in version 1 the byte offset itself.

#include <cstdint>
#include <span>
#include <string_view>
#include <vector>

#include "base/status.h"

namespace thanos::index {

// As stored in a postings list; strictly ascending within a list.
using SeriesRef = uint32_t;
using Postings = std::vector<SeriesRef>;

// A half-open range of byte positions of the index file.
struct ByteRange {
  uint64_t begin = 0;
  uint64_t end = 0;
  uint64_t size() const { return end - begin; }
  bool empty() const { return begin == end; }
  friend bool operator==(const ByteRange&, const ByteRange&) = default;
};

// Byte position of the entry of `ref` in an index of `version`.
constexpr uint64_t SeriesOffset(int version, SeriesRef ref) {
  return version == 1 ? uint64_t{ref} : uint64_t{ref} * 16;
}

// Decodes a whole list as it stands in the index: length 4, entries 4, references 4 each, CRC32. `bytes`
// starts at the length field and may be longer than the list. `what` names the list in errors. DataLoss: cut
// off, wrong checksum, length and count disagree, or references not strictly ascending.
base::StatusOr<Postings> DecodePostings(std::string_view bytes, std::string_view what);

// Size in bytes of the list starting at `bytes` (length field and checksum included); `bytes` must hold 4
// bytes.
uint64_t PostingsBytes(std::string_view bytes);

// Converts big-endian references; `out` has bytes.size() / 4 elements.
void DecodeBigEndian(std::string_view bytes, SeriesRef* out);

// Members of both; gallops through the longer one.
Postings Intersect(std::span<const SeriesRef> a, std::span<const SeriesRef> b);
// Members of all lists, smallest first. No lists: empty.
Postings IntersectAll(std::vector<Postings> lists);
// Members of any list, once each.
Postings UnionAll(std::vector<Postings> lists);
// Members of `a` that are not in `b`.
Postings Without(std::span<const SeriesRef> a, std::span<const SeriesRef> b);

}  // namespace thanos::index
