#pragma once

// Frames of the Series stream (message thanos.SeriesResponse) without generated classes: written from
// borrowed chunk bytes into one contiguous buffer, read in place as views into the received message.

#include <array>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/status.h"
#include "series/series_set.h"

namespace thanos::storeapi {

// One encoded message. Move-only.
class Frame {
 public:
  Frame() = default;
  std::string_view bytes() const { return {data_.get() + begin_, size_}; }
  size_t size() const { return size_; }
  // Gives up the buffer; bytes() of the same frame taken before stays valid while the result lives.
  std::unique_ptr<char[]> Release() && { return std::move(data_); }

 private:
  friend class SeriesFrameWriter;
  Frame(std::unique_ptr<char[]> data, size_t begin, size_t size)
      : data_(std::move(data)), begin_(begin), size_(size) {}
  std::unique_ptr<char[]> data_;
  size_t begin_ = 0;
  size_t size_ = 0;
};

struct FrameOptions {
  int64_t batch_size = 0;  // series per frame; 0 and 1: `series` frames, above: `batch` frames
  // A frame is closed when it reaches this; a series above it is continued in further frames.
  size_t max_frame_bytes = size_t{1} << 20;
  // Chunks without a hash get it computed. False: hashes are left out altogether.
  bool chunk_hashes = true;
};

// Encodes one stream. Every function appends the frames it completes to `out`. Not thread-safe.
class SeriesFrameWriter {
 public:
  explicit SeriesFrameWriter(FrameOptions options);
  void Add(const series::Series& series, std::vector<Frame>* out);
  // Closes a pending batch, then the warning.
  void AddWarning(std::string_view warning, std::vector<Frame>* out);
  // `any` is a serialized google.protobuf.Any.
  void AddHints(std::string_view any, std::vector<Frame>* out);
  // At the end of the stream.
  void Flush(std::vector<Frame>* out);

 private:
  void Measure(const series::Series& series);
  // Writes labels and the chunks [first, last) as one `series` field.
  void AddPart(const series::Series& series, size_t first, size_t last, std::vector<Frame>* out);
  void ReservePending(size_t num_bytes);
  static Frame MakeTextFrame(int number, std::string_view body);

  const FrameOptions options_;
  // Of the series being written: body sizes of labels and of each chunk, and the hashes in writing order.
  size_t labels_bytes_ = 0;
  std::vector<size_t> chunk_bytes_;
  std::vector<uint64_t> hashes_;
  size_t next_hash_ = 0;
  // The batch being filled, with room for its header in front.
  std::unique_ptr<char[]> pending_;
  size_t pending_size_ = 0;
  size_t pending_capacity_ = 0;
  int64_t pending_series_ = 0;
  size_t last_batch_bytes_ = 0;
};

// Decodes messages. Keeps scratch memory between calls. Not thread-safe.
class SeriesFrameReader {
 public:
  // Appends the series and warnings of `frame` to `batch`. Views point into `frame`, which must live as long
  // as the batch (see SeriesBatch::Retain); arrays are in its arena. Unknown fields and hints are skipped;
  // aggregate chunks without any data are left out. DataLoss for malformed bytes, label sets out of order and
  // unknown chunk encodings: then the content appended so far is still valid.
  base::Status Read(std::string_view frame, series::SeriesBatch* batch);

 private:
  base::Status ReadBatch(std::string_view bytes, series::SeriesBatch* batch);
  base::Status ReadSeries(std::string_view bytes, series::SeriesBatch* batch);
  base::Status ReadLabel(std::string_view bytes);
  base::Status ReadChunk(std::string_view bytes, series::SeriesBatch* batch);

  std::vector<labels::LabelView> labels_;
  std::vector<series::Chunk> chunks_;
};

}  // namespace thanos::storeapi
