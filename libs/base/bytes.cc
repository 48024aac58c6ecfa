#include "base/bytes.h"

#include <algorithm>
#include <utility>

namespace thanos::base {

SharedBytes SharedBytes::FromString(std::string text) {
  auto owner = std::make_shared<const std::string>(std::move(text));
  const std::string_view view = *owner;
  return {view, std::move(owner)};
}

void* Arena::Allocate(size_t num_bytes, size_t alignment) {
  auto address = reinterpret_cast<uintptr_t>(position_);
  uintptr_t aligned = (address + alignment - 1) & ~(uintptr_t{alignment} - 1);
  if (position_ == nullptr || aligned + num_bytes > reinterpret_cast<uintptr_t>(end_)) {
    const size_t slab = std::max(slab_bytes_, num_bytes + alignment);
    slabs_.push_back(std::make_unique_for_overwrite<char[]>(slab));
    reserved_bytes_ += slab;
    position_ = slabs_.back().get();
    end_ = position_ + slab;
    // Slabs double up to 1 MiB, so that small requests stay small and large ones allocate rarely.
    slab_bytes_ = std::min<size_t>(slab_bytes_ * 2, size_t{1} << 20);
    address = reinterpret_cast<uintptr_t>(position_);
    aligned = (address + alignment - 1) & ~(uintptr_t{alignment} - 1);
  }
  char* result = position_ + (aligned - address);
  position_ = result + num_bytes;
  return result;
}

std::string_view Arena::Copy(std::string_view text) {
  if (text.empty()) {
    return {};
  }
  char* copy = AllocateArray<char>(text.size());
  std::copy(text.begin(), text.end(), copy);
  return {copy, text.size()};
}

void Arena::Clear() {
  slabs_.clear();
  reserved_bytes_ = 0;
  position_ = nullptr;
  end_ = nullptr;
}

void AppendBigEndian32(std::string& out, uint32_t value) {
  const uint32_t swapped = __builtin_bswap32(value);
  out.append(reinterpret_cast<const char*>(&swapped), sizeof(swapped));
}

void AppendBigEndian64(std::string& out, uint64_t value) {
  const uint64_t swapped = __builtin_bswap64(value);
  out.append(reinterpret_cast<const char*>(&swapped), sizeof(swapped));
}

}  // namespace thanos::base
