#include "promql/block.h"

#include <algorithm>
#include <unordered_map>
#include <utility>

namespace thanos::promql {

base::Status SampleBudget::Acquire(int64_t num_samples) {
  const int64_t now = current_.fetch_add(num_samples) + num_samples;
  if (now > limit_) {
    current_ -= num_samples;
    return base::ResourceExhausted(
        "query processing would load too many samples into memory in query execution");
  }
  int64_t peak = peak_.load();
  while (now > peak && !peak_.compare_exchange_weak(peak, now)) {
  }
  return base::OkStatus();
}

SampleCharge& SampleCharge::operator=(SampleCharge&& other) noexcept {
  if (this != &other) {
    Reset();
    budget_ = other.budget_;
    amount_ = std::exchange(other.amount_, 0);
  }
  return *this;
}

base::Status SampleCharge::Add(SampleBudget& budget, int64_t num_samples) {
  TH_RETURN_IF_ERROR(budget.Acquire(num_samples));
  budget_ = &budget;
  amount_ += num_samples;
  return base::OkStatus();
}

void SampleCharge::Reset() {
  if (amount_ != 0) {
    budget_->Release(amount_);
    amount_ = 0;
  }
}

Block EmptyBlock(size_t num_steps) {
  Block block;
  block.num_steps = num_steps;
  return block;
}

bool AnyPresent(std::span<const double> row) {
  return std::any_of(row.begin(), row.end(), IsPresent);
}

bool IsReserved(std::string_view label_name) {
  return label_name == labels::kMetricName || label_name == "__type__" || label_name == "__unit__";
}

labels::Labels DropReserved(labels::LabelSpan labels) {
  std::vector<labels::LabelView> kept;
  kept.reserve(labels.size());
  for (const labels::LabelView& label : labels) {
    if (!IsReserved(label.name)) {
      kept.push_back(label);
    }
  }
  return labels::Labels(labels::LabelSpan(kept));
}

void Block::SetNameDropped(size_t series, bool dropped) {
  if (series >= name_dropped.size()) {
    if (!dropped) {
      return;
    }
    name_dropped.resize(series + 1, 0);
  }
  name_dropped[series] = dropped ? 1 : 0;
}

void DropNames(Block& block, bool delayed) {
  if (delayed) {
    block.name_dropped.assign(block.num_series(), 1);
    return;
  }
  for (labels::Labels& labels : block.labels) {
    labels = DropReserved(labels);
  }
}

void RemoveDroppedNames(Block& block) {
  for (size_t series = 0; series < block.num_series(); ++series) {
    if (block.NameDropped(series)) {
      block.labels[series] = DropReserved(block.labels[series]);
    }
  }
  block.name_dropped.clear();
}

void Block::SetHistograms(size_t series, HistogramRow row) {
  if (series >= histograms.size()) {
    if (row.empty()) {
      return;
    }
    histograms.resize(series + 1);
  }
  histograms[series] = std::move(row);
}

HistogramRow Block::TakeHistograms(size_t series) {
  return series < histograms.size() ? std::exchange(histograms[series], {}) : HistogramRow();
}

void RemoveEmptySeries(Block& block) {
  size_t kept = 0;
  for (size_t series = 0; series < block.num_series(); ++series) {
    if (!AnyPresent(std::as_const(block).Row(series)) && !AnyPresent(block.Histograms(series))) {
      continue;
    }
    if (kept != series) {
      block.labels[kept] = std::move(block.labels[series]);
      block.SetNameDropped(kept, block.NameDropped(series));
      std::ranges::copy(block.Row(series), block.Row(kept).begin());
      block.SetHistograms(kept, block.TakeHistograms(series));
    }
    ++kept;
  }
  block.labels.resize(kept);
  block.name_dropped.resize(std::min(kept, block.name_dropped.size()));
  block.values.resize(kept * block.num_steps);
  block.histograms.resize(std::min(kept, block.histograms.size()));
}

base::Status DuplicateLabelSetError() {
  return base::FailedPrecondition("vector cannot contain metrics with the same labelset");
}

namespace {

// For each series the first series of equal labels (itself when there is none before it).
std::vector<uint32_t> FirstOfEqual(const Block& block) {
  std::vector<uint32_t> first(block.num_series());
  std::unordered_multimap<uint64_t, uint32_t> by_hash;
  by_hash.reserve(block.num_series());
  for (uint32_t series = 0; series < block.num_series(); ++series) {
    const uint64_t hash = labels::Hash(block.labels[series]);
    first[series] = series;
    const auto [begin, end] = by_hash.equal_range(hash);
    for (auto it = begin; it != end; ++it) {
      if (block.labels[it->second] == block.labels[series]) {
        first[series] = it->second;
        break;
      }
    }
    if (first[series] == series) {
      by_hash.emplace(hash, series);
    }
  }
  return first;
}

}  // namespace

base::Status CheckUniqueLabels(const Block& block) {
  if (block.num_series() < 2) {
    return base::OkStatus();
  }
  const std::vector<uint32_t> first = FirstOfEqual(block);
  for (uint32_t series = 0; series < first.size(); ++series) {
    if (first[series] != series) {
      return DuplicateLabelSetError();
    }
  }
  return base::OkStatus();
}

base::Status MergeEqualLabels(Block& block, std::span<const uint32_t> matches) {
  if (block.num_series() < 2) {
    return base::OkStatus();
  }
  const std::vector<uint32_t> first = FirstOfEqual(block);
  bool merged = false;
  for (uint32_t series = 0; series < first.size(); ++series) {
    if (first[series] == series) {
      continue;
    }
    merged = true;
    const std::span<double> from = block.Row(series);
    const std::span<double> into = block.Row(first[series]);
    HistogramRow from_histograms = block.TakeHistograms(series);
    HistogramRow into_histograms = block.TakeHistograms(first[series]);
    if (!from_histograms.empty()) {
      into_histograms.resize(into.size());
    }
    for (size_t step = 0; step < from.size(); ++step) {
      const bool has_histogram = HistogramAt(from_histograms, step) != nullptr;
      if (!IsPresent(from[step]) && !has_histogram) {
        continue;
      }
      if (IsPresent(into[step]) || HistogramAt(into_histograms, step) != nullptr) {
        if (!matches.empty() && matches[series] == matches[first[series]]) {
          return base::FailedPrecondition(
              "multiple matches for labels: grouping labels must ensure unique matches");
        }
        return DuplicateLabelSetError();
      }
      into[step] = std::exchange(from[step], kAbsent);
      if (has_histogram) {
        into_histograms[step] = std::move(from_histograms[step]);
      }
    }
    block.SetHistograms(first[series], std::move(into_histograms));
  }
  if (merged) {
    RemoveEmptySeries(block);
  }
  return base::OkStatus();
}

base::StatusOr<Block> ExpandSteps(Block block, size_t num_steps, SampleBudget& budget) {
  Block out;
  out.num_steps = num_steps;
  TH_RETURN_IF_ERROR(out.charge.Add(budget, static_cast<int64_t>(block.num_series() * num_steps)));
  out.labels = std::move(block.labels);
  out.name_dropped = std::move(block.name_dropped);
  out.values.resize(out.num_series() * num_steps);
  for (size_t series = 0; series < out.num_series(); ++series) {
    std::ranges::fill(out.Row(series), block.values[series]);
    if (HistogramPtr histogram =
            block.Histograms(series).empty() ? nullptr : std::move(block.histograms[series][0])) {
      out.SetHistograms(series, HistogramRow(num_steps, std::move(histogram)));
    }
  }
  return out;
}

Block SelectRows(Block block, const std::vector<uint32_t>& rows) {
  Block out;
  out.num_steps = block.num_steps;
  out.charge = std::move(block.charge);
  out.labels.reserve(rows.size());
  out.values.reserve(rows.size() * block.num_steps);
  for (const uint32_t row : rows) {
    out.SetNameDropped(out.num_series(), block.NameDropped(row));
    out.SetHistograms(out.num_series(), block.TakeHistograms(row));
    out.labels.push_back(std::move(block.labels[row]));
    const std::span<const double> values = std::as_const(block).Row(row);
    out.values.insert(out.values.end(), values.begin(), values.end());
  }
  return out;
}

}  // namespace thanos::promql
