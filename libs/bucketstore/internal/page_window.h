#pragma once

#include <cstddef>
#include <string_view>

#include "base/bytes.h"

namespace thanos::bucketstore::internal {

// Where a request is in a file that it reads from front to back. What a mapped file's reader leaves behind is
// given back to the system in steps, so that a request does not make whole blocks resident. Not thread-safe.
class PageWindow {
 public:
  // Smaller steps, and files that a request reads only a little of, are not worth a call.
  static constexpr size_t kStepBytes = size_t{512} << 10;

  PageWindow() = default;
  ~PageWindow() { Release(end_); }
  PageWindow(PageWindow&& other) noexcept;
  PageWindow& operator=(PageWindow&&) = delete;

  // The reader is at `bytes`, in the memory of `owner`, now. What it read last may still be in use and stays
  // until it moves again.
  void MoveTo(const base::BufferOwner& owner, std::string_view bytes);

 private:
  // Gives back what lies before `position`.
  void Release(const char* position);

  // The system maps the neighbours of a page that is touched, up to this far.
  static constexpr size_t kFaultAroundBytes = size_t{64} << 10;

  base::BufferOwner owner_;
  const char* lowest_ = nullptr;  // of all that was read
  const char* begin_ = nullptr;   // from here on nothing was given back
  const char* last_ = nullptr;    // what was read last
  const char* end_ = nullptr;     // of what was read
};

}  // namespace thanos::bucketstore::internal
