#pragma once

// The postings offset table of an index or index-header, read in place: (name, value) -> where the list is.

#include <cstdint>
#include <functional>
#include <optional>
#include <span>
#include <string_view>
#include <vector>

#include "base/status.h"
#include "index/postings.h"

namespace thanos::index {

// Immutable, thread-safe; outlived by the bytes it was opened on. On the heap are only the positions of some
// values of each name (of every value in version 1, whose tables are not sorted).
class PostingsTable {
 public:
  static constexpr size_t kDefaultSampling = 32;

  // `section` starts at the length field and may be longer than the section; `lists_end` is where the last
  // list ends in the index file at the latest. The position of every `sampling`th value (at least 1) is kept:
  // fewer save memory and make look-ups slower. DataLoss: damaged, or (version 2) not sorted.
  static base::StatusOr<PostingsTable> Open(std::string_view section, int index_version, uint64_t lists_end,
                                            size_t sampling = kDefaultSampling);

  // Label names, ascending, without the empty name of the list of all series.
  std::vector<std::string_view> Names() const;
  uint64_t num_entries() const { return num_entries_; }

  // Where the list of the pair lies in the index file, from its length field up to the start of the next
  // list. Null when there is none. ("", "") is the list of all series.
  std::optional<ByteRange> Find(std::string_view name, std::string_view value) const;

  // Returns false to stop.
  using Visitor = std::function<bool(std::string_view value, ByteRange list)>;
  // Each value of `name` that starts with `prefix`, ascending, with the range of its list.
  void VisitValues(std::string_view name, std::string_view prefix, const Visitor& visit) const;

 private:
  struct Name {
    std::string_view name;
    uint64_t begin = 0;  // version 2: positions of the first entry and behind the last
    uint64_t end = 0;
    std::vector<uint64_t> samples;
  };
  struct Entry {
    std::string_view name;
    std::string_view value;
    uint64_t offset = 0;
    uint64_t next = 0;  // position of the next entry
  };
  PostingsTable() = default;
  base::Status Scan(std::string_view section);
  void Sort();
  // `position` must be that of an entry that Scan has seen.
  Entry At(uint64_t position) const;
  ByteRange RangeOf(const Entry& entry) const;
  // False when the visit is over.
  static bool VisitEntry(const Entry& entry, ByteRange list, std::string_view prefix, const Visitor& visit);
  const Name* FindName(std::string_view name) const;
  // Index of the last sample whose value is <= `value`, or 0.
  size_t FindSample(const Name& name, std::string_view value) const;

  std::string_view entries_;
  int version_ = 2;
  uint64_t lists_end_ = 0;
  uint64_t num_entries_ = 0;
  size_t sampling_ = kDefaultSampling;
  std::vector<Name> names_;
};

}  // namespace thanos::index
