#include "downsample/counter_resets.h"

#include <cmath>

namespace thanos::downsample {

void CounterResets::Process(size_t start, chunkenc::SampleColumns* columns) {
  size_t kept = start;
  for (size_t i = start; i < columns->size(); ++i) {
    const int64_t timestamp = columns->timestamps[i];
    const double value = columns->values[i];
    if (std::isnan(value) || (started_ && timestamp < last_time_)) {
      continue;
    }
    if (started_ && timestamp == last_time_) {
      last_value_ = value;
      continue;
    }
    total_ += !started_ ? value : value >= last_value_ ? value - last_value_ : value;
    started_ = true;
    last_time_ = timestamp;
    last_value_ = value;
    columns->timestamps[kept] = timestamp;
    columns->values[kept++] = total_;
  }
  columns->timestamps.resize(kept);
  columns->values.resize(kept);
}

}  // namespace thanos::downsample
