#include "series/series_set.h"

namespace thanos::series {
namespace {

class PreparedBatches final : public SeriesSet {
 public:
  explicit PreparedBatches(std::vector<SeriesBatch> batches) : batches_(std::move(batches)) {}

  base::StatusOr<bool> Next(const base::CancelToken& cancel, SeriesBatch* batch) override {
    batch->Clear();
    if (cancel.cancelled()) {
      return cancel.status();
    }
    while (next_ < batches_.size()) {
      SeriesBatch& prepared = batches_[next_++];
      if (!prepared.empty()) {
        *batch = std::move(prepared);
        return true;
      }
    }
    return false;
  }

 private:
  std::vector<SeriesBatch> batches_;
  size_t next_ = 0;
};

}  // namespace

void SeriesBatch::Clear() {
  series.clear();
  warnings.clear();
  // Not Arena::Clear alone: after a move from this batch the arena may still point into memory it no longer
  // owns.
  arena_ = base::Arena();
  owners_.clear();
}

std::unique_ptr<SeriesSet> FromBatches(std::vector<SeriesBatch> batches) {
  return std::make_unique<PreparedBatches>(std::move(batches));
}

}  // namespace thanos::series
