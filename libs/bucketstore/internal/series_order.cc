#include "bucketstore/internal/series_order.h"

#include <algorithm>

namespace thanos::bucketstore::internal {

void SeriesOrder::Push(index::SeriesRef ref, const std::vector<index::SymbolPair>& ids,
                       labels::LabelSpan stored, const series::Series& series,
                       std::vector<series::Series>* ready) {
  if (last_external_name_.empty()) {
    ready->push_back(series);
    return;
  }
  for (; depth_ > 0; --depth_) {
    const Held& top = stack_[depth_ - 1];
    const size_t length = top.ids.size();
    if (length < ids.size() && stored[length].name < last_external_name_ &&
        std::equal(top.ids.begin(), top.ids.end(), ids.begin())) {
      break;
    }
    ready->push_back(top.series);
  }
  if (depth_ == stack_.size()) {
    stack_.emplace_back();
  }
  Held& held = stack_[depth_++];
  held.ref = ref;
  held.ids.assign(ids.begin(), ids.end());
  held.series = series;
}

void SeriesOrder::Flush(std::vector<series::Series>* ready) {
  for (; depth_ > 0; --depth_) {
    ready->push_back(stack_[depth_ - 1].series);
  }
}

std::vector<index::SeriesRef> SeriesOrder::TakeHeld() {
  std::vector<index::SeriesRef> refs;
  for (size_t i = 0; i < depth_; ++i) {
    refs.push_back(stack_[i].ref);
  }
  depth_ = 0;
  return refs;
}

}  // namespace thanos::bucketstore::internal
