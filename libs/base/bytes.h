#pragma once

// Byte views and shared ownership of the memory behind them. A view is a std::string_view: chars are bytes
// here.

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

namespace thanos::base {

// Keeps memory alive without saying what it is: a mapped file, a network slice, a string. Copying is a
// reference count.
using BufferOwner = std::shared_ptr<const void>;

// Bytes with their owner. `bytes` is valid while `owner` (or a copy of it) lives.
struct SharedBytes {
  std::string_view bytes;
  BufferOwner owner;

  static SharedBytes FromString(std::string text);
};

// Monotonic allocator for data that dies together (one request, one batch). Not thread-safe. Memory is freed
// when the arena is destroyed or cleared. Movable; views stay valid across a move.
class Arena {
 public:
  explicit Arena(size_t slab_bytes = 16 * 1024) : slab_bytes_(slab_bytes) {}

  // Never null; aligned to `alignment` (a power of two up to 16).
  void* Allocate(size_t num_bytes, size_t alignment);
  // Uninitialised array of a trivially destructible type.
  template <typename T>
  T* AllocateArray(size_t count) {
    static_assert(std::is_trivially_destructible_v<T>);
    return static_cast<T*>(Allocate(count * sizeof(T), alignof(T)));
  }
  // A copy of `text` that lives as long as the arena.
  std::string_view Copy(std::string_view text);
  // Bytes reserved from the system.
  size_t reserved_bytes() const { return reserved_bytes_; }
  void Clear();

 private:
  size_t slab_bytes_;
  size_t reserved_bytes_ = 0;
  std::vector<std::unique_ptr<char[]>> slabs_;
  char* position_ = nullptr;
  char* end_ = nullptr;
};

// Big-endian integers at `data`, which must hold enough bytes.
inline uint32_t LoadBigEndian32(const char* data) {
  uint32_t value;
  __builtin_memcpy(&value, data, sizeof(value));
  return __builtin_bswap32(value);
}
inline uint64_t LoadBigEndian64(const char* data) {
  uint64_t value;
  __builtin_memcpy(&value, data, sizeof(value));
  return __builtin_bswap64(value);
}
void AppendBigEndian32(std::string& out, uint32_t value);
void AppendBigEndian64(std::string& out, uint64_t value);

}  // namespace thanos::base
