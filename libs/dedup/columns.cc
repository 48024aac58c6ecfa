#include "dedup/columns.h"

#include <algorithm>

namespace thanos::dedup::internal {

using chunkenc::SampleColumns;

void ForgetResetHint(model::Histogram* histogram) {
  if (histogram->counter_reset_hint != model::CounterResetHint::kGauge) {
    histogram->counter_reset_hint = model::CounterResetHint::kUnknown;
  }
}

void AppendFrom(SampleColumns& source, size_t first, SampleColumns* out) {
  const size_t base = out->size();
  const auto offset = static_cast<ptrdiff_t>(first);
  out->timestamps.insert(out->timestamps.end(), source.timestamps.begin() + offset, source.timestamps.end());
  out->values.insert(out->values.end(), source.values.begin() + offset, source.values.end());
  for (SampleColumns::HistogramAt& histogram : source.histograms) {
    if (histogram.index >= first) {
      out->histograms.push_back({base + (histogram.index - first), std::move(histogram.value)});
    }
  }
}

void Truncate(size_t size, SampleColumns* columns) {
  if (columns->size() <= size) {
    return;
  }
  columns->timestamps.resize(size);
  columns->values.resize(size);
  while (!columns->histograms.empty() && columns->histograms.back().index >= size) {
    columns->histograms.pop_back();
  }
}

void KeepRange(size_t start, int64_t min_ms, int64_t max_ms, SampleColumns* columns) {
  const auto begin = columns->timestamps.begin() + static_cast<ptrdiff_t>(start);
  const auto first_kept = std::lower_bound(begin, columns->timestamps.end(), min_ms);
  const auto end_kept = std::upper_bound(first_kept, columns->timestamps.end(), max_ms);
  Truncate(static_cast<size_t>(end_kept - columns->timestamps.begin()), columns);
  const auto num_removed = first_kept - begin;
  if (num_removed == 0) {
    return;
  }
  columns->timestamps.erase(begin, first_kept);
  const auto values_begin = columns->values.begin() + static_cast<ptrdiff_t>(start);
  columns->values.erase(values_begin, values_begin + num_removed);
  const auto removed = static_cast<size_t>(num_removed);
  std::erase_if(columns->histograms, [&](const SampleColumns::HistogramAt& histogram) {
    return histogram.index >= start && histogram.index < start + removed;
  });
  for (SampleColumns::HistogramAt& histogram : columns->histograms) {
    if (histogram.index >= start) {
      histogram.index -= removed;
    }
  }
}

void KeepIncreasing(size_t start, SampleColumns* columns) {
  const int64_t* const timestamps = columns->timestamps.data();
  const size_t size = columns->size();
  // Without early exit, so that the compiler can vectorise the usual case.
  bool increasing = true;
  for (size_t i = start + 1; i < size; ++i) {
    increasing &= timestamps[i - 1] < timestamps[i];
  }
  if (increasing) {
    return;
  }
  size_t kept = start;
  bool dropped = false;  // the sample before the current one
  auto histogram = columns->histograms.begin();
  auto kept_histogram = histogram;
  for (size_t i = start; i < size; ++i) {
    while (histogram != columns->histograms.end() && histogram->index < i) {
      if (histogram->index < start) {
        ++kept_histogram;
      }
      ++histogram;
    }
    if (kept > start && timestamps[i] <= timestamps[kept - 1]) {
      dropped = true;
      continue;
    }
    if (histogram != columns->histograms.end() && histogram->index == i) {
      if (kept_histogram != histogram) {
        *kept_histogram = std::move(*histogram);
      }
      if (dropped) {
        ForgetResetHint(&kept_histogram->value);
      }
      kept_histogram->index = kept;
      ++kept_histogram;
      ++histogram;
    }
    columns->timestamps[kept] = timestamps[i];
    columns->values[kept] = columns->values[i];
    ++kept;
    dropped = false;
  }
  columns->timestamps.resize(kept);
  columns->values.resize(kept);
  columns->histograms.erase(kept_histogram, columns->histograms.end());
}

}  // namespace thanos::dedup::internal
