#include <algorithm>

#include "labels/builder.h"
#include "series/merge.h"

namespace thanos::series {
namespace {

constexpr size_t kBatchSeries = 256;

class LimitedSet final : public SeriesSet {
 public:
  LimitedSet(std::unique_ptr<SeriesSet> input, int64_t max_series)
      : input_(std::move(input)), left_(max_series) {}

  base::StatusOr<bool> Next(const base::CancelToken& cancel, SeriesBatch* batch) override {
    batch->Clear();
    while (input_ != nullptr) {
      TH_ASSIGN_OR_RETURN(const bool more, input_->Next(cancel, batch));
      if (!more) {
        input_.reset();
        break;
      }
      Truncate(batch);
      if (!batch->empty()) {
        return true;
      }
    }
    return false;
  }

 private:
  void Truncate(SeriesBatch* batch) {
    for (size_t i = 0; i < batch->series.size(); ++i) {
      const labels::LabelSpan labels = batch->series[i].labels;
      const bool repeated =
          i > 0 ? labels::Equal(batch->series[i - 1].labels, labels) : any_ && labels::Equal(last_, labels);
      if (!repeated && left_-- == 0) {
        batch->series.resize(i);
        input_.reset();
        return;
      }
    }
    if (!batch->series.empty()) {
      any_ = true;
      last_ = labels::Labels(batch->series.back().labels);
    }
  }

  std::unique_ptr<SeriesSet> input_;
  int64_t left_;
  bool any_ = false;
  labels::Labels last_;
};

class ReducedSet final : public SeriesSet {
 public:
  ReducedSet(std::unique_ptr<SeriesSet> input, std::vector<std::string> names)
      : input_(std::move(input)), names_(std::move(names)) {}

  base::StatusOr<bool> Next(const base::CancelToken& cancel, SeriesBatch* batch) override {
    batch->Clear();
    if (cancel.cancelled()) {
      return cancel.status();
    }
    if (input_ != nullptr) {
      TH_RETURN_IF_ERROR(ReadAll(cancel));
      batch->warnings = std::move(warnings_);
    }
    const size_t count = std::min(kBatchSeries, all_->series.size() - next_);
    const auto first = all_->series.begin() + static_cast<ptrdiff_t>(next_);
    batch->series.assign(first, first + static_cast<ptrdiff_t>(count));
    batch->Retain(all_);
    next_ += count;
    return !batch->empty();
  }

 private:
  // The input's series with the memory behind them; shared with all batches that were handed out.
  struct Everything {
    std::vector<SeriesBatch> batches;
    base::Arena arena;
    std::vector<Series> series;
  };

  base::Status ReadAll(const base::CancelToken& cancel) {
    while (true) {
      SeriesBatch batch;
      TH_ASSIGN_OR_RETURN(const bool more, input_->Next(cancel, &batch));
      if (!more) {
        break;
      }
      std::ranges::move(batch.warnings, std::back_inserter(warnings_));
      for (const Series& series : batch.series) {
        all_->series.push_back({labels::Without(all_->arena, series.labels, names_), series.chunks});
      }
      all_->batches.push_back(std::move(batch));
    }
    input_.reset();
    std::ranges::stable_sort(all_->series, [](const Series& a, const Series& b) {
      return labels::Compare(a.labels, b.labels) < 0;
    });
    return base::OkStatus();
  }

  std::unique_ptr<SeriesSet> input_;
  const std::vector<std::string> names_;
  std::vector<std::string> warnings_;
  const std::shared_ptr<Everything> all_ = std::make_shared<Everything>();
  size_t next_ = 0;
};

}  // namespace

std::unique_ptr<SeriesSet> Limit(std::unique_ptr<SeriesSet> input, int64_t max_series) {
  if (max_series <= 0) {
    return input;
  }
  return std::make_unique<LimitedSet>(std::move(input), max_series);
}

std::unique_ptr<SeriesSet> WithoutLabels(std::unique_ptr<SeriesSet> input, std::vector<std::string> names) {
  return std::make_unique<ReducedSet>(std::move(input), std::move(names));
}

}  // namespace thanos::series
