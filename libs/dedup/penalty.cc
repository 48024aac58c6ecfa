// Per emitted sample the algorithm is
//   move a to its first sample at or behind last + 1 + penalty of a, b likewise
//   one of them done: use the other, without penalty
//   else use the earlier one (a when equal); the other's penalty becomes 2 * (its time - last), or 5 s at the
//   start, and its own 0
// so the replica in use simply advances by one. Runs on one replica are loops of their own.
#include "dedup/penalty.h"

#include <cmath>

#include "dedup/columns.h"
#include "model/time_range.h"

namespace thanos::dedup {
namespace {

using chunkenc::SampleColumns;
using internal::Input;

// Sums of three timestamps below this do not overflow.
constexpr int64_t kPlainLimitMs = int64_t{1} << 60;

struct Output {
  int64_t* timestamps;
  double* values;
  size_t size;
};

// Whether another sample should be emitted from the side in use: ties go to a.
template <bool kUsedIsA>
bool StayOn(int64_t used_time, int64_t other_time) {
  return kUsedIsA ? used_time <= other_time : used_time < other_time;
}

// Float columns with ordinary timestamps and no adjustment. Returns when the other side is to be used or a
// side is done.
template <bool kUsedIsA>
void PlainRun(Input& used_input, Input& other_input, int64_t penalty, int64_t* last_time, Output* out) {
  const int64_t* const times = used_input.timestamps;
  const double* const values = used_input.values;
  const int64_t* const other_times = other_input.timestamps;
  const size_t size = used_input.size;
  const size_t other_size = other_input.size;
  size_t used = used_input.position;
  size_t other = other_input.position;
  int64_t last = *last_time;
  int64_t* out_times = out->timestamps + out->size;
  double* out_values = out->values + out->size;
  for (;;) {
    const int64_t now = times[used];
    *out_times++ = now;
    *out_values++ = values[used];
    ++used;
    const int64_t other_target = now + 1 + (penalty >= 0 ? penalty : 2 * (now - last));
    penalty = -1;
    last = now;
    while (other < other_size && other_times[other] < other_target) {
      ++other;
    }
    if (used == size || other == other_size || !StayOn<kUsedIsA>(times[used], other_times[other])) {
      break;
    }
  }
  used_input.position = used;
  other_input.position = other;
  *last_time = last;
  out->size = static_cast<size_t>(out_times - out->timestamps);
}

void PlainMerge(Input& a, Input& b, Output* out) {
  int64_t last = 0;
  bool use_a = a.timestamp() <= b.timestamp();
  int64_t penalty = kInitialPenaltyMs;
  while (!a.done() && !b.done()) {
    if (use_a) {
      PlainRun<true>(a, b, penalty, &last, out);
    } else {
      PlainRun<false>(b, a, penalty, &last, out);
    }
    use_a = !use_a;
    penalty = -1;
  }
}

bool IsPlain(const SampleColumns& columns) {
  return columns.histograms.empty() && columns.timestamps.front() > -kPlainLimitMs &&
         columns.timestamps.back() < kPlainLimitMs;
}

// The general form: histograms, counter adjustment, any timestamps.
class GeneralMerge {
 public:
  GeneralMerge(SampleColumns& a, SampleColumns& b, bool adjust_counters, SampleColumns* out)
      : a_{Input(a)}, b_{Input(b)}, adjust_counters_(adjust_counters), out_(out) {}

  void Run() {
    bool use_a = a_.input.timestamp() <= b_.input.timestamp();
    bool started = false;
    bool used_a_before = use_a;
    while (!a_.input.done() || !b_.input.done()) {
      if (!a_.input.done() && !b_.input.done()) {
        use_a = a_.input.timestamp() <= b_.input.timestamp();
      } else {
        use_a = !a_.input.done();
      }
      if (started && use_a != used_a_before) {
        AdjustAfterSwitch();
      }
      if (started && use_a != used_a_before && (use_a ? a_ : b_).input.AtHistogram()) {
        internal::ForgetResetHint(&(use_a ? a_ : b_).input.histogram->value);
      }
      Step(use_a ? a_ : b_, use_a ? b_ : a_, started);
      started = true;
      used_a_before = use_a;
    }
  }

 private:
  struct Side {
    Input input;
    int64_t penalty = 0;
    double adjustment = 0;
  };

  static double Adjusted(const Side& side) {
    const double value = side.input.values[side.input.position];
    // Adding to a NaN may change its bits, and with them a stale marker.
    return side.adjustment == 0 || std::isnan(value) ? value : value + side.adjustment;
  }

  void AdjustAfterSwitch() {
    if (!adjust_counters_ || !last_is_float_) {
      return;
    }
    for (Side* const side : {&a_, &b_}) {
      if (side->input.done() || side->input.AtHistogram()) {
        continue;
      }
      const double value = Adjusted(*side);
      if (last_value_ > value) {
        side->adjustment += last_value_ - value;
      }
    }
  }

  // Emits the current sample of `used` and moves both sides to their next candidates.
  void Step(Side& used, Side& other, bool started) {
    const int64_t now = used.input.timestamp();
    last_is_float_ = !used.input.AtHistogram();
    last_value_ = last_is_float_ ? Adjusted(used) : 0;
    if (!last_is_float_) {
      out_->histograms.push_back({out_->size(), std::move(used.input.histogram->value)});
    }
    out_->timestamps.push_back(now);
    out_->values.push_back(last_value_);
    used.penalty = 0;
    if (!other.input.done()) {
      const int64_t gap = model::SaturatingSubtract(now, last_time_);
      other.penalty = started ? model::SaturatingAdd(gap, gap) : kInitialPenaltyMs;
    }
    last_time_ = now;
    ++used.input.position;
    const int64_t target = model::SaturatingAdd(model::SaturatingAdd(now, 1), other.penalty);
    while (!other.input.done() && other.input.timestamp() < target) {
      ++other.input.position;
    }
  }

  Side a_;
  Side b_;
  bool adjust_counters_;
  SampleColumns* out_;
  int64_t last_time_ = 0;
  double last_value_ = 0;
  bool last_is_float_ = false;
};

}  // namespace

void AppendPenaltyMerge(SampleColumns& a, SampleColumns& b, bool adjust_counters, SampleColumns* out) {
  if (a.empty() || b.empty()) {
    internal::AppendFrom(a.empty() ? b : a, 0, out);
    return;
  }
  if (adjust_counters || !IsPlain(a) || !IsPlain(b)) {
    GeneralMerge(a, b, adjust_counters, out).Run();
    return;
  }
  const size_t before = out->size();
  out->timestamps.resize(before + a.size() + b.size());
  out->values.resize(before + a.size() + b.size());
  Input left(a);
  Input right(b);
  Output output{out->timestamps.data(), out->values.data(), before};
  PlainMerge(left, right, &output);
  out->timestamps.resize(output.size);
  out->values.resize(output.size);
  internal::AppendFrom(a, left.position, out);
  internal::AppendFrom(b, right.position, out);
}

}  // namespace thanos::dedup
