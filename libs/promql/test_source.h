#pragma once

// A SeriesSource in memory for tests and benchmarks: samples are kept in real XOR chunks.

#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "promql/series_source.h"

namespace thanos::promql {

class TestSource final : public SeriesSource {
 public:
  // Appends samples of one series; times must grow within a series.
  void Add(const labels::Labels& labels, const std::vector<int64_t>& timestamps,
           const std::vector<double>& values);
  // A series that has a native histogram at every time of [first_ms, last_ms] someone asks for.
  void AddHistograms(const labels::Labels& labels, int64_t first_ms, int64_t last_ms);
  void Clear();
  // Series per batch that Select hands out.
  void set_batch_size(size_t batch_size) { batch_size_ = batch_size; }
  // Every decoding fails with this status when it is not OK.
  void set_decode_status(base::Status status) { decode_status_ = std::move(status); }

  base::StatusOr<std::unique_ptr<SelectedSeries>> Select(const base::CancelToken& cancel,
                                                         const std::vector<labels::Matcher>& matchers,
                                                         const SelectHints& hints) override;
  // Hints of all Select calls so far.
  const std::vector<SelectHints>& hints() const { return hints_; }

 private:
  struct Stored {
    labels::Labels labels;
    std::vector<std::string> bytes;  // one XOR chunk each
    std::vector<series::Chunk> chunks;
    void Rebuild();
  };
  std::map<labels::Labels, Stored> series_;
  std::vector<SelectHints> hints_;
  size_t batch_size_ = 100;
  base::Status decode_status_;

  friend class TestSelection;
};

}  // namespace thanos::promql
