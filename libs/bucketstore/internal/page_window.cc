#include "bucketstore/internal/page_window.h"

#include <algorithm>
#include <utility>

#include "base/file_mapping.h"

namespace thanos::bucketstore::internal {

PageWindow::PageWindow(PageWindow&& other) noexcept
    : owner_(std::move(other.owner_)),
      lowest_(std::exchange(other.lowest_, nullptr)),
      begin_(std::exchange(other.begin_, nullptr)),
      last_(std::exchange(other.last_, nullptr)),
      end_(std::exchange(other.end_, nullptr)) {}

void PageWindow::MoveTo(const base::BufferOwner& owner, std::string_view bytes) {
  if (owner == nullptr || bytes.empty()) {
    return;
  }
  if (owner != owner_) {
    Release(end_);
    owner_ = owner;
    lowest_ = begin_ = last_ = end_ = bytes.data();
  }
  Release(std::min(last_, bytes.data()));
  last_ = bytes.data();
  // A reader that went back sees pages again that were given back already.
  lowest_ = std::min(lowest_, bytes.data());
  begin_ = std::min(begin_, bytes.data());
  end_ = std::max(end_, bytes.data() + bytes.size());
}

void PageWindow::Release(const char* position) {
  if (position == nullptr || position < begin_ || static_cast<size_t>(position - begin_) < kStepBytes) {
    return;
  }
  const char* const begin = begin_ - std::min(static_cast<size_t>(begin_ - lowest_), kFaultAroundBytes);
  base::ReleasePages(owner_, {begin, static_cast<size_t>(position - begin)});
  begin_ = position;
}

}  // namespace thanos::bucketstore::internal
