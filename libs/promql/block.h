#pragma once

// The engine's materialised intermediate result: series x steps of doubles. "No sample at this step" is the
// bit pattern of the stale marker, which no selector lets through and no arithmetic produces, so presence
// costs no extra memory.

#include <atomic>
#include <bit>
#include <cstdint>
#include <span>
#include <vector>

#include "base/status.h"
#include "chunkenc/chunk.h"
#include "labels/labels.h"
#include "promql/histogram/column.h"

namespace thanos::promql {

inline constexpr double kAbsent = std::bit_cast<double>(chunkenc::kStaleNanBits);
inline bool IsPresent(double value) {
  return std::bit_cast<uint64_t>(value) != chunkenc::kStaleNanBits;
}

// Limits the samples a query holds at once. Thread-safe.
class SampleBudget {
 public:
  explicit SampleBudget(int64_t limit) : limit_(limit) {}
  // ResourceExhausted when the limit would be exceeded; nothing is then acquired.
  base::Status Acquire(int64_t num_samples);
  void Release(int64_t num_samples) { current_ -= num_samples; }
  int64_t peak() const { return peak_.load(); }
  int64_t limit() const { return limit_; }

 private:
  const int64_t limit_;
  std::atomic<int64_t> current_{0};
  std::atomic<int64_t> peak_{0};
};

// Samples held by one object; gives them back when destroyed. The budget must outlive it.
class SampleCharge {
 public:
  SampleCharge() = default;
  ~SampleCharge() { Reset(); }
  SampleCharge(SampleCharge&& other) noexcept : budget_(other.budget_), amount_(other.amount_) {
    other.amount_ = 0;
  }
  SampleCharge& operator=(SampleCharge&& other) noexcept;
  base::Status Add(SampleBudget& budget, int64_t num_samples);
  void Reset();

 private:
  SampleBudget* budget_ = nullptr;
  int64_t amount_ = 0;
};

// Series-major: the values of series i are values[i * num_steps] .. values[(i + 1) * num_steps - 1].
struct Block {
  size_t num_steps = 0;
  std::vector<labels::Labels> labels;
  std::vector<double> values;
  // With delayed name removal: which series lose their name at the end of the query. Shorter than `labels`
  // where the rest keep theirs, and always empty without the feature.
  std::vector<uint8_t> name_dropped;
  // The native histograms of series that have any. Shorter than `labels` where the rest have none, and empty
  // without histograms. Where a step has one, its entry of `values` is kAbsent.
  std::vector<HistogramRow> histograms;
  SampleCharge charge;

  size_t num_series() const { return labels.size(); }
  bool NameDropped(size_t series) const { return series < name_dropped.size() && name_dropped[series] != 0; }
  void SetNameDropped(size_t series, bool dropped);
  std::span<const HistogramPtr> Histograms(size_t series) const {
    return series < histograms.size() ? std::span<const HistogramPtr>(histograms[series])
                                      : std::span<const HistogramPtr>();
  }
  void SetHistograms(size_t series, HistogramRow row);
  // The row of a series, which then has none.
  HistogramRow TakeHistograms(size_t series);
  // Whether there is a float or a histogram.
  bool HasSample(size_t series, size_t step) const {
    return IsPresent(values[series * num_steps + step]) || HistogramAt(Histograms(series), step) != nullptr;
  }
  std::span<double> Row(size_t series) { return {values.data() + series * num_steps, num_steps}; }
  std::span<const double> Row(size_t series) const { return {values.data() + series * num_steps, num_steps}; }
};

// No series.
Block EmptyBlock(size_t num_steps);

bool AnyPresent(std::span<const double> row);

// The labels without __name__, __type__ and __unit__.
labels::Labels DropReserved(labels::LabelSpan labels);
bool IsReserved(std::string_view label_name);

// Takes the reserved labels from every series; with `delayed` only marks them.
void DropNames(Block& block, bool delayed);
// Takes the reserved labels from the series marked.
void RemoveDroppedNames(Block& block);

// Removes series without any sample.
void RemoveEmptySeries(Block& block);

// FailedPrecondition when two series have equal labels.
base::Status CheckUniqueLabels(const Block& block);

// Joins series of equal labels, which must not both have a sample at one step: FailedPrecondition otherwise.
// With `matches`, one number per series, the error blames the matching when both series come from the same
// one.
base::Status MergeEqualLabels(Block& block, std::span<const uint32_t> matches = {});

// The same single step repeated `num_steps` times.
base::StatusOr<Block> ExpandSteps(Block block, size_t num_steps, SampleBudget& budget);

// Keeps the rows listed, in that order.
Block SelectRows(Block block, const std::vector<uint32_t>& rows);

base::Status DuplicateLabelSetError();

}  // namespace thanos::promql
