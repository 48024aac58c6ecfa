#pragma once

// Walks over spans with their bucket counts, private to this library.

#include <cstddef>
#include <cstdint>
#include <vector>

#include "model/histogram.h"

namespace thanos::model::internal {

// One bucket after the other. Histograms come from other processes: spans and counts may disagree, and the
// walk ends with the shorter of both.
class BucketWalk {
 public:
  BucketWalk(const std::vector<Span>& spans, const std::vector<double>& counts)
      : spans_(spans), counts_(counts) {
    index_ = spans.empty() ? 0 : spans[0].offset;
    SkipEmptySpans();
  }

  bool done() const { return span_ == spans_.size() || position_ == counts_.size(); }
  int64_t index() const { return index_; }
  double count() const { return counts_[position_]; }
  size_t position() const { return position_; }
  void Next() {
    ++position_;
    ++index_;
    ++in_span_;
    SkipEmptySpans();
  }

 private:
  void SkipEmptySpans() {
    while (span_ < spans_.size() && in_span_ == spans_[span_].length) {
      in_span_ = 0;
      ++span_;
      index_ += span_ < spans_.size() ? spans_[span_].offset : 0;
    }
  }

  const std::vector<Span>& spans_;
  const std::vector<double>& counts_;
  size_t span_ = 0;
  uint32_t in_span_ = 0;
  size_t position_ = 0;
  int64_t index_ = 0;
};

// Collects buckets in index order into spans.
class BucketBuilder {
 public:
  void Reserve(size_t num_buckets) { counts_.reserve(num_buckets); }
  // `index` is not below the last one. An equal index adds to that bucket.
  void Add(int64_t index, double count) {
    if (!spans_.empty() && index == next_ - 1) {
      counts_.back() += count;
      return;
    }
    if (!spans_.empty() && index == next_) {
      ++spans_.back().length;
    } else {
      spans_.push_back({static_cast<int32_t>(spans_.empty() ? index : index - next_), 1});
    }
    counts_.push_back(count);
    next_ = index + 1;
  }
  void MoveTo(std::vector<Span>* spans, std::vector<double>* counts) {
    *spans = std::move(spans_);
    *counts = std::move(counts_);
  }

 private:
  std::vector<Span> spans_;
  std::vector<double> counts_;
  int64_t next_ = 0;
};

// The index of the bucket of a schema coarser by `shift` that contains bucket `index`.
inline int64_t CoarserIndex(int64_t index, int32_t shift) {
  return shift == 0 ? index : ((index - 1) >> shift) + 1;
}

}  // namespace thanos::model::internal
