#include "downsample/internal/histogram_batch.h"

#include <algorithm>
#include <cmath>
#include <optional>
#include <span>
#include <utility>

#include "downsample/histogram_math.h"
#include "downsample/internal/windows.h"

namespace thanos::downsample::internal {
namespace {

using model::CounterResetHint;
using model::Histogram;

bool IsGauge(const Histogram& histogram) {
  return histogram.counter_reset_hint == CounterResetHint::kGauge;
}

// The running counter of a batch, resets removed.
class Counter {
 public:
  // `original` is what came in, from which resets are told; `aligned` the same in the batch's layout.
  void Add(const Histogram& original, const Histogram& aligned) {
    if (!total_) {
      total_ = aligned;
      total_->is_float = true;
      // A reset before it shows when it is compared with the chunk before.
      if (total_->counter_reset_hint == CounterResetHint::kNotReset) {
        total_->counter_reset_hint = CounterResetHint::kUnknown;
      }
    } else if (!IsGauge(original) && model::DetectReset(*previous_, original)) {
      AddScaled(aligned, 1, &*total_);
    } else {
      Histogram delta = aligned;
      AddScaled(*previous_aligned_, -1, &delta);
      AddScaled(delta, 1, &*total_);
    }
    previous_ = &original;
    previous_aligned_ = &aligned;
  }
  const Histogram& total() const { return *total_; }

 private:
  std::optional<Histogram> total_;
  const Histogram* previous_ = nullptr;
  const Histogram* previous_aligned_ = nullptr;
};

// Writes samples [begin, end), which can be added to each other.
class Run {
 public:
  Run(HistogramSamples& samples, size_t begin, size_t end)
      : samples_(samples), begin_(begin), end_(end), has_sums_(!samples.sums.empty()) {}

  base::Status Write(int64_t resolution_ms, AggregateChunkWriter* writer, block::ChunkRecordBuffer* out) {
    Align();
    const int64_t last_ms = samples_.times_ms[end_ - 1];
    int64_t first_window_ms = 0;
    int64_t window_ms = 0;
    std::optional<Histogram> before;
    for (size_t i = begin_; i < end_;) {
      const int64_t previous_ms =
          std::exchange(window_ms, std::min(WindowEnd(samples_.times_ms[i], resolution_ms), last_ms));
      double count = 0;
      std::optional<Histogram> sum;
      for (; i < end_ && samples_.times_ms[i] <= window_ms; ++i) {
        count += samples_.counts[i];
        AddToSum(i, &sum);
        counter_.Add(samples_.counters[i], aligned_[i - begin_]);
      }
      if (before && !CanFollowInChunk(*before, counter_.total())) {
        TH_RETURN_IF_ERROR(writer->Finish(first_window_ms, previous_ms, out));
      }
      if (writer->num_windows() == 0) {
        first_window_ms = window_ms;
      }
      before = counter_.total();
      sum->counter_reset_hint = CounterResetHint::kGauge;
      writer->Add(kCount, window_ms, count);
      writer->AddHistogram(kSum, window_ms, *std::move(sum));
      writer->AddHistogram(kCounter, window_ms, counter_.total());
    }
    return writer->Finish(first_window_ms, window_ms, out);
  }

 private:
  // Counters, and behind them sums, in one layout.
  void Align() {
    const auto from = static_cast<ptrdiff_t>(begin_);
    const auto to = static_cast<ptrdiff_t>(end_);
    aligned_.assign(samples_.counters.begin() + from, samples_.counters.begin() + to);
    if (has_sums_) {
      aligned_.insert(aligned_.end(), samples_.sums.begin() + from, samples_.sums.begin() + to);
    }
    AlignLayouts(aligned_);
  }
  void AddToSum(size_t i, std::optional<Histogram>* sum) const {
    const Histogram& added = aligned_[i - begin_ + (has_sums_ ? end_ - begin_ : 0)];
    if (*sum) {
      AddScaled(added, 1, &**sum);
    } else {
      *sum = added;
      (*sum)->is_float = true;
    }
  }

  HistogramSamples& samples_;
  const size_t begin_;
  const size_t end_;
  const bool has_sums_;
  std::vector<Histogram> aligned_;
  Counter counter_;
};

// Removes samples whose sum is a NaN.
void DropNans(HistogramSamples* samples) {
  size_t kept = 0;
  for (size_t i = 0; i < samples->times_ms.size(); ++i) {
    const bool has_sum = !samples->sums.empty();
    if (std::isnan(samples->counters[i].sum) || (has_sum && std::isnan(samples->sums[i].sum))) {
      continue;
    }
    if (kept != i) {
      samples->times_ms[kept] = samples->times_ms[i];
      samples->counts[kept] = samples->counts[i];
      samples->counters[kept] = std::move(samples->counters[i]);
      if (has_sum) {
        samples->sums[kept] = std::move(samples->sums[i]);
      }
    }
    ++kept;
  }
  samples->times_ms.resize(kept);
  samples->counts.resize(kept);
  samples->counters.resize(kept);
  samples->sums.resize(std::min(kept, samples->sums.size()));
}

}  // namespace

void HistogramSamples::Clear() {
  times_ms.clear();
  counts.clear();
  sums.clear();
  counters.clear();
}

base::Status WriteHistogramBatch(HistogramSamples* samples, int64_t resolution_ms,
                                 AggregateChunkWriter* writer, block::ChunkRecordBuffer* out) {
  DropNans(samples);
  const auto& counters = samples->counters;
  const auto& sums = samples->sums;
  for (size_t begin = 0; begin < counters.size();) {
    size_t end = begin + 1;
    while (end < counters.size() && CanAdd(counters[begin], counters[end]) &&
           IsGauge(counters[begin]) == IsGauge(counters[end]) &&
           (sums.empty() || CanAdd(counters[begin], sums[end]))) {
      ++end;
    }
    if (!sums.empty() && !CanAdd(counters[begin], sums[begin])) {
      return base::DataLoss("sum and counter of aggregated histograms have different bounds");
    }
    TH_RETURN_IF_ERROR(Run(*samples, begin, end).Write(resolution_ms, writer, out));
    begin = end;
  }
  return base::OkStatus();
}

}  // namespace thanos::downsample::internal
