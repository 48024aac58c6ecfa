#include "bucketstore/internal/page_window.h"

#include <algorithm>
#include <utility>

#include "base/file_mapping.h"

namespace thanos::bucketstore::internal {

PageWindow::PageWindow(PageWindow&& other) noexcept
    : owner_(std::move(other.owner_)),
      begin_(std::exchange(other.begin_, nullptr)),
      end_(std::exchange(other.end_, nullptr)) {}

void PageWindow::MoveTo(const base::BufferOwner& owner, std::string_view bytes) {
  if (owner == nullptr || bytes.empty()) {
    return;
  }
  if (owner != owner_) {
    Release(end_);
    owner_ = owner;
    begin_ = bytes.data();
    end_ = bytes.data();
  }
  Release(bytes.data());
  // A reader that went back sees pages again that were given back already.
  begin_ = std::min(begin_, bytes.data());
  end_ = std::max(end_, bytes.data() + bytes.size());
}

void PageWindow::Release(const char* position) {
  if (position == nullptr || position < begin_ || static_cast<size_t>(position - begin_) < kStepBytes) {
    return;
  }
  base::ReleasePages(owner_, {begin_, static_cast<size_t>(position - begin_)});
  begin_ = position;
}

}  // namespace thanos::bucketstore::internal
