#include "promql/test_source.h"

#include <algorithm>
#include <utility>

#include "chunkenc/appender.h"
#include "chunkenc/column_decoder.h"

namespace thanos::promql {

namespace {
constexpr size_t kSamplesPerChunk = 120;
}

class TestSelection final : public SelectedSeries {
 public:
  TestSelection(std::vector<const TestSource::Stored*> series, size_t batch_size, base::Status decode_status)
      : series_(std::move(series)), batch_size_(batch_size), decode_status_(std::move(decode_status)) {}

  base::StatusOr<bool> Next(const base::CancelToken& cancel, series::SeriesBatch* batch) override {
    batch->Clear();
    TH_RETURN_IF_ERROR(cancel.status());
    for (; next_ < series_.size() && batch->series.size() < batch_size_; ++next_) {
      batch->series.push_back({series_[next_]->labels, series_[next_]->chunks});
    }
    return !batch->series.empty();
  }

  base::Status Decode(const series::Series& series, int64_t min_ms, int64_t max_ms,
                      chunkenc::SampleColumns* out) const override {
    TH_RETURN_IF_ERROR(decode_status_);
    for (const series::Chunk& chunk : series.chunks) {
      if (chunk.max_time_ms < min_ms || chunk.min_time_ms > max_ms) {
        continue;
      }
      TH_RETURN_IF_ERROR(chunkenc::DecodeChunk(chunk.raw.encoding, chunk.raw.data, min_ms, max_ms, out));
    }
    return base::OkStatus();
  }

 private:
  std::vector<const TestSource::Stored*> series_;
  size_t next_ = 0;
  size_t batch_size_;
  base::Status decode_status_;
};

void TestSource::Stored::Rebuild() {
  for (size_t i = 0; i < chunks.size(); ++i) {
    chunks[i].raw.data = bytes[i];
  }
}

void TestSource::Add(const labels::Labels& labels, const std::vector<int64_t>& timestamps,
                     const std::vector<double>& values) {
  Stored& stored = series_[labels];
  stored.labels = labels;
  for (size_t begin = 0; begin < timestamps.size(); begin += kSamplesPerChunk) {
    const size_t end = std::min(timestamps.size(), begin + kSamplesPerChunk);
    chunkenc::XorAppender appender;
    for (size_t i = begin; i < end; ++i) {
      appender.Append(timestamps[i], values[i]);
    }
    stored.bytes.push_back(appender.Bytes());
    series::Chunk chunk;
    chunk.min_time_ms = timestamps[begin];
    chunk.max_time_ms = timestamps[end - 1];
    chunk.raw.encoding = chunkenc::Encoding::kXor;
    stored.chunks.push_back(chunk);
  }
  stored.Rebuild();
}

void TestSource::Stored::AddChunk(chunkenc::Encoding encoding, std::string data, int64_t min_ms,
                                  int64_t max_ms) {
  bytes.push_back(std::move(data));
  series::Chunk chunk;
  chunk.min_time_ms = min_ms;
  chunk.max_time_ms = max_ms;
  chunk.raw.encoding = encoding;
  chunks.push_back(chunk);
}

void TestSource::Add(const labels::Labels& labels, const chunkenc::SampleColumns& columns) {
  Stored& stored = series_[labels];
  stored.labels = labels;
  auto histogram = columns.histograms.begin();
  for (size_t begin = 0; begin < columns.size();) {
    // One chunk of samples of one kind.
    size_t end = begin;
    if (histogram == columns.histograms.end() || histogram->index != begin) {
      chunkenc::XorAppender floats;
      for (; end < columns.size() && end - begin < kSamplesPerChunk &&
             (histogram == columns.histograms.end() || histogram->index != end);
           ++end) {
        floats.Append(columns.timestamps[end], columns.values[end]);
      }
      stored.AddChunk(chunkenc::Encoding::kXor, floats.Bytes(), columns.timestamps[begin],
                      columns.timestamps[end - 1]);
    } else {
      chunkenc::FloatHistogramAppender histograms;
      for (;
           end < columns.size() && end - begin < kSamplesPerChunk && histogram != columns.histograms.end() &&
           histogram->index == end &&
           histograms.Append(columns.timestamps[end], histogram->value) == chunkenc::AppendResult::kAppended;
           ++end) {
        ++histogram;
      }
      stored.AddChunk(chunkenc::Encoding::kFloatHistogram, histograms.Bytes(), columns.timestamps[begin],
                      columns.timestamps[end - 1]);
    }
    begin = end;
  }
  stored.Rebuild();
}

void TestSource::Clear() {
  series_.clear();
}

base::StatusOr<std::unique_ptr<SelectedSeries>> TestSource::Select(
    const base::CancelToken&, const std::vector<labels::Matcher>& matchers, const SelectHints& hints) {
  hints_.push_back(hints);
  std::vector<const Stored*> selected;
  for (const auto& [labels, stored] : series_) {
    if (labels::MatchesAll(matchers, labels)) {
      selected.push_back(&stored);
    }
  }
  return std::make_unique<TestSelection>(std::move(selected), batch_size_, decode_status_);
}

}  // namespace thanos::promql
