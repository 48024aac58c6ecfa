#pragma once

// Interning: each distinct string once, known by a number.

#include <cstdint>
#include <functional>
#include <optional>
#include <string_view>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "base/bytes.h"
#include "base/strings.h"

namespace thanos::labels {

// Numbers are dense, from 0, in order of first appearance. Views live as long as the table, across moves. Not
// thread-safe.
class SymbolTable {
 public:
  // Copies `text` when it is new.
  uint32_t Intern(std::string_view text);
  std::optional<uint32_t> Find(std::string_view text) const;
  // `symbol` must come from this table.
  std::string_view Get(uint32_t symbol) const { return symbols_[symbol]; }
  size_t size() const { return symbols_.size(); }
  // Bytes held for strings; the maps are not counted.
  size_t reserved_bytes() const { return arena_.reserved_bytes(); }

 private:
  base::Arena arena_;
  absl::flat_hash_map<std::string_view, uint32_t, base::StringHash, std::equal_to<>> numbers_;
  std::vector<std::string_view> symbols_;
};

}  // namespace thanos::labels
