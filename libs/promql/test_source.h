#pragma once

// A SeriesSource in memory for tests and benchmarks: samples are kept in real chunks.

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
  // The same with native histograms, kept in float histogram chunks as Prometheus would cut them.
  void Add(const labels::Labels& labels, const chunkenc::SampleColumns& columns);
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
    std::vector<std::string> bytes;  // one chunk each
    std::vector<series::Chunk> chunks;
    void Rebuild();
    void AddChunk(chunkenc::Encoding encoding, std::string data, int64_t min_ms, int64_t max_ms);
  };
  std::map<labels::Labels, Stored> series_;
  std::vector<SelectHints> hints_;
  size_t batch_size_ = 100;
  base::Status decode_status_;

  friend class TestSelection;
};

}  // namespace thanos::promql
