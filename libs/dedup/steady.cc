#include "dedup/steady.h"

#include <span>

#include "dedup/penalty.h"

namespace thanos::dedup::internal {
namespace {

using chunkenc::SampleColumns;

// Sums of three timestamps below this do not overflow.
constexpr int64_t kPlainLimitMs = int64_t{1} << 60;

bool IsPlain(const SampleColumns& columns) {
  return !columns.empty() && columns.histograms.empty() && columns.timestamps.front() > -kPlainLimitMs &&
         columns.timestamps.back() < kPlainLimitMs;
}

struct Side {
  const SampleColumns* columns;
  size_t position = 0;

  bool done() const { return position == columns->size(); }
  int64_t timestamp() const { return columns->timestamps[position]; }
  double value() const { return columns->values[position]; }
};

}  // namespace

MergeStart StartOfMerge(const SampleColumns& a, const SampleColumns& b, bool adjust_counters) {
  MergeStart start;
  if (!IsPlain(a) || !IsPlain(b)) {
    return start;
  }
  Side first{&a};
  Side second{&b};
  bool uses_first = first.timestamp() <= second.timestamp();
  bool stayed = false;
  for (size_t i = 0; i < MergeStart::kMaxSamples; ++i) {
    Side& used = uses_first ? first : second;
    Side& other = uses_first ? second : first;
    const int64_t now = used.timestamp();
    const double value = used.value();
    const int64_t penalty = i == 0 ? kInitialPenaltyMs : 2 * (now - start.timestamps[i - 1]);
    start.timestamps[i] = now;
    start.values[i] = value;
    ++used.position;
    if (stayed) {
      start.known = true;
      start.uses_first = uses_first;
      start.size = i + 1;
      start.position = used.position;
      return start;
    }
    while (!other.done() && other.timestamp() < now + 1 + penalty) {
      ++other.position;
    }
    if (used.done() || other.done()) {
      return start;
    }
    const bool first_is_next = first.timestamp() <= second.timestamp();
    stayed = first_is_next == uses_first;
    if (!stayed && adjust_counters && (value > first.value() || value > second.value())) {
      return start;
    }
    uses_first = first_is_next;
  }
  return start;
}

bool StaysInUse(const SampleColumns& used, const MergeStart& start, int64_t other_end_ms) {
  const size_t size = used.size();
  if (size < start.position || !IsPlain(used)) {
    return false;
  }
  const int64_t* const timestamps = used.timestamps.data();
  // Without early exit, so that the compiler can vectorise it.
  bool steady = true;
  for (size_t i = start.position; i < size; ++i) {
    steady &= timestamps[i] - timestamps[i - 1] <= 2 * (timestamps[i - 1] - timestamps[i - 2]);
  }
  const int64_t last = timestamps[size - 1];
  return steady && other_end_ms <= last + 2 * (last - timestamps[size - 2]);
}

}  // namespace thanos::dedup::internal
