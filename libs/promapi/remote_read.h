#pragma once

// Prometheus remote read: the request, and both kinds of answer as batches of series with encoded chunks.

#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <string_view>

#include "base/cancel.h"
#include "base/status.h"
#include "labels/matcher.h"
#include "net/http_client.h"
#include "series/series_set.h"

namespace thanos::promapi {

// Both times are inclusive milliseconds.
struct RemoteReadQuery {
  int64_t min_time_ms = 0;
  int64_t max_time_ms = 0;
  std::span<const labels::Matcher> matchers = {};
};

// A serialized ReadRequest that accepts streamed chunks first and samples second. Not compressed.
std::string EncodeReadRequest(const RemoteReadQuery& query);

// Samples per chunk cut from an answer of samples, like the head of a TSDB.
inline constexpr int kSamplesPerCutChunk = 120;

// Series of one answer, labels sorted by name. Not thread-safe.
class RemoteReadStream : public series::SeriesSet {
 public:
  // True when series come in the order of their own labels, that is, without the external labels Prometheus
  // adds to them; equal label sets repeat only consecutively. False: in any order.
  virtual bool sorted() const = 0;
};

// Takes bytes of a streamed answer in pieces of any size and gives series: frames of uvarint size, CRC32C
// (big-endian) and ChunkedReadResponse. Chunk bytes and labels are views into the received memory, which the
// batch retains.
class ChunkedReadDecoder {
 public:
  explicit ChunkedReadDecoder(size_t max_frame_bytes = size_t{64} << 20)
      : max_frame_bytes_(max_frame_bytes) {}

  // Where the next received bytes are to be appended.
  std::string* buffer() { return buffer_.get(); }
  // Moves all complete frames into `batch`, which is only added to. True when there was at least one frame.
  // DataLoss: a checksum, length or message is wrong. ResourceExhausted: a frame is larger than the limit.
  base::StatusOr<bool> Decode(series::SeriesBatch* batch);
  // DataLoss when the answer ended inside a frame.
  base::Status Finish() const;

 private:
  base::Status DecodeFrames(series::SeriesBatch* batch, size_t* consumed);

  const size_t max_frame_bytes_;
  std::shared_ptr<std::string> buffer_ = std::make_shared<std::string>();
};

// Decodes an answer of type SAMPLES (uncompressed ReadResponse) into XOR chunks of at most
// kSamplesPerCutChunk samples. Labels are views into `message`; chunks are in the batch's arena.
// Unimplemented when it holds native histograms, which only the streamed type carries as chunks.
base::Status DecodeSampledResponse(std::string_view message, series::SeriesBatch* batch);

// The answer to a remote read request with status 200, whichever type it has. InvalidArgument: an unknown
// content type.
base::StatusOr<std::unique_ptr<RemoteReadStream>> DecodeRemoteRead(std::unique_ptr<net::BodyStream> body);

}  // namespace thanos::promapi
