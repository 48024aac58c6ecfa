#pragma once

// The symbols section of an index or index-header, read in place.

#include <cstdint>
#include <optional>
#include <string_view>
#include <vector>

#include "base/status.h"

namespace thanos::index {

// Immutable, thread-safe; outlived by the bytes it was opened on. Keeps one offset per 32 symbols on the
// heap.
class SymbolTable {
 public:
  // `section` starts at the length field and may be longer than the section; `index_offset` is the position
  // of the section in the index file, which references of version 1 count from. DataLoss: damaged.
  static base::StatusOr<SymbolTable> Open(std::string_view section, int index_version, uint64_t index_offset);

  // DataLoss: no such symbol. The view lives as long as the section's bytes.
  base::StatusOr<std::string_view> Lookup(uint32_t ref) const;
  // The ordinal of `text`; version 2 only.
  std::optional<uint32_t> Find(std::string_view text) const;
  uint32_t size() const { return count_; }
  // The symbols in file order.
  std::vector<std::string_view> All() const;

 private:
  SymbolTable() = default;
  // The symbol that starts at `position`; moves it behind the symbol.
  std::string_view At(size_t* position) const;

  std::string_view strings_;  // symbols of verified shape, without count and checksum
  int version_ = 2;
  uint64_t strings_index_offset_ = 0;  // of `strings_` in the index file
  uint32_t count_ = 0;
  std::vector<uint64_t> samples_;  // positions in `strings_` of every 32nd symbol
};

// A small direct-mapped cache in front of Lookup, for one request. Not thread-safe.
class SymbolCache {
 public:
  explicit SymbolCache(const SymbolTable& table) : table_(table), slots_(kSlots) {}
  base::StatusOr<std::string_view> Lookup(uint32_t ref);

 private:
  static constexpr size_t kSlots = 4096;
  struct Slot {
    uint64_t key = 0;  // ref + 1; 0 is empty
    std::string_view text;
  };
  const SymbolTable& table_;
  std::vector<Slot> slots_;
};

}  // namespace thanos::index
