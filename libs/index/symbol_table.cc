#include "index/symbol_table.h"

#include "base/bytes.h"
#include "encoding/varint.h"
#include "index/toc.h"

namespace thanos::index {
namespace {

constexpr uint32_t kSampleEvery = 32;

}  // namespace

base::StatusOr<SymbolTable> SymbolTable::Open(std::string_view section, int index_version,
                                              uint64_t index_offset) {
  TH_ASSIGN_OR_RETURN(const std::string_view body, SectionBody(section, "index symbols"));
  if (body.size() < 4) {
    return base::DataLoss("index symbols: section of ", body.size(), " bytes");
  }
  SymbolTable table;
  table.version_ = index_version;
  table.count_ = base::LoadBigEndian32(body.data());
  table.strings_ = body.substr(4);
  table.strings_index_offset_ = index_offset + 8;
  if (table.count_ > table.strings_.size()) {
    return base::DataLoss("index symbols: ", table.count_, " symbols in ", table.strings_.size(), " bytes");
  }
  encoding::ByteCursor cursor(table.strings_);
  if (index_version != 1) {
    table.samples_.reserve(table.count_ / kSampleEvery + 1);
  }
  std::string_view symbol;
  for (uint32_t i = 0; i < table.count_; ++i) {
    if (index_version != 1 && i % kSampleEvery == 0) {
      table.samples_.push_back(cursor.offset());
    }
    if (!cursor.ReadUvarintBytes(&symbol)) {
      return base::DataLoss("index symbols: symbol ", i, " of ", table.count_, " is cut off");
    }
  }
  if (!cursor.empty()) {
    return base::DataLoss("index symbols: ", cursor.remaining(), " bytes behind the last symbol");
  }
  return table;
}

// Open has walked over every symbol. Should the file be cut short since, the bounds still hold; the user of
// the table finds out (IsIntact).
std::string_view SymbolTable::At(size_t* position) const {
  if (*position >= strings_.size()) {
    return {};
  }
  const char* data = strings_.data() + *position;
  const auto first = static_cast<unsigned char>(*data);
  if (first < 0x80 && first < strings_.size() - *position) [[likely]] {
    *position += size_t{1} + first;
    return {data + 1, first};
  }
  encoding::ByteCursor cursor(strings_.substr(*position));
  std::string_view symbol;
  if (!cursor.ReadUvarintBytes(&symbol)) {
    *position = strings_.size();
    return {};
  }
  *position += cursor.offset();
  return symbol;
}

base::StatusOr<std::string_view> SymbolTable::Lookup(uint32_t ref) const {
  if (version_ == 1) {
    std::string_view symbol;
    const uint64_t position = ref - strings_index_offset_;  // wraps around for references before the section
    if (position >= strings_.size() ||
        !encoding::ByteCursor(strings_.substr(position)).ReadUvarintBytes(&symbol)) {
      return base::DataLoss("index symbols: no symbol at position ", ref);
    }
    return symbol;
  }
  if (ref >= count_) {
    return base::DataLoss("index symbols: no symbol ", ref, ", there are ", count_);
  }
  size_t position = samples_[ref / kSampleEvery];
  std::string_view symbol = At(&position);
  for (uint32_t left = ref % kSampleEvery; left > 0; --left) {
    symbol = At(&position);
  }
  return symbol;
}

std::optional<uint32_t> SymbolTable::Find(std::string_view text) const {
  if (version_ == 1 || count_ == 0) {
    return std::nullopt;
  }
  size_t low = 0;
  size_t high = samples_.size();
  while (high - low > 1) {
    const size_t middle = (low + high) / 2;
    size_t position = samples_[middle];
    (At(&position) <= text ? low : high) = middle;
  }
  size_t position = samples_[low];
  for (uint64_t ref = low * kSampleEvery; ref < std::min<uint64_t>((low + 1) * kSampleEvery, count_); ++ref) {
    if (At(&position) == text) {
      return static_cast<uint32_t>(ref);
    }
  }
  return std::nullopt;
}

std::vector<std::string_view> SymbolTable::All() const {
  std::vector<std::string_view> all;
  all.reserve(count_);
  size_t position = 0;
  for (uint32_t i = 0; i < count_; ++i) {
    all.push_back(At(&position));
  }
  return all;
}

base::StatusOr<std::string_view> SymbolCache::Lookup(uint32_t ref) {
  Slot& slot = slots_[ref % kSlots];
  if (slot.key != uint64_t{ref} + 1) {
    TH_ASSIGN_OR_RETURN(slot.text, table_.Lookup(ref));
    slot.key = uint64_t{ref} + 1;
  }
  return slot.text;
}

}  // namespace thanos::index
