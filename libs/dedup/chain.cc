#include "dedup/chain.h"

#include "dedup/columns.h"

namespace thanos::dedup {
namespace {

// Emits the current sample of `input` at position `at` of `out` and steps forward. `continues`: the sample
// before it in `input` was the last one emitted.
void Take(internal::Input& input, bool continues, size_t at, chunkenc::SampleColumns* out) {
  out->timestamps[at] = input.timestamp();
  out->values[at] = input.values[input.position];
  if (input.histogram != input.histograms_end && input.AtHistogram()) {
    if (!continues) {
      internal::ForgetResetHint(&input.histogram->value);
    }
    out->histograms.push_back({at, std::move(input.histogram->value)});
  }
  ++input.position;
}

}  // namespace

void AppendChainMerge(chunkenc::SampleColumns& a, chunkenc::SampleColumns& b, chunkenc::SampleColumns* out) {
  internal::Input left(a);
  internal::Input right(b);
  size_t at = out->size();
  out->timestamps.resize(at + a.size() + b.size());
  out->values.resize(at + a.size() + b.size());
  const internal::Input* last = nullptr;
  while (!left.done() && !right.done()) {
    const int64_t left_time = left.timestamp();
    const int64_t right_time = right.timestamp();
    if (left_time <= right_time) {
      Take(left, last == &left, at, out);
      last = &left;
      right.position += left_time == right_time ? 1 : 0;
    } else {
      Take(right, last == &right, at, out);
      last = &right;
    }
    ++at;
  }
  out->timestamps.resize(at);
  out->values.resize(at);
  // Only one of them has anything left.
  for (internal::Input* const rest : {&left, &right}) {
    if (!rest->done() && last != rest && rest->AtHistogram()) {
      internal::ForgetResetHint(&rest->histogram->value);
    }
  }
  internal::AppendFrom(a, left.position, out);
  internal::AppendFrom(b, right.position, out);
}

}  // namespace thanos::dedup
