#include "chunkenc/column_decoder.h"

#include "chunkenc/aggr_chunk.h"
#include "chunkenc/decoders.h"

namespace thanos::chunkenc {

base::Status DecodeChunk(Encoding encoding, std::string_view data, int64_t min_ms, int64_t max_ms,
                         SampleColumns* out) {
  switch (encoding) {
    case Encoding::kXor:
      return internal::DecodeXor(data, min_ms, max_ms, out);
    case Encoding::kHistogram:
      return internal::DecodeHistograms(false, data, min_ms, max_ms, out);
    case Encoding::kFloatHistogram:
      return internal::DecodeHistograms(true, data, min_ms, max_ms, out);
    case Encoding::kNone:
    case Encoding::kAggregate:
      break;
  }
  return base::InvalidArgument("chunk encoding ", static_cast<int>(encoding), " has no samples of its own");
}

base::StatusOr<int> NumSamples(Encoding encoding, std::string_view data) {
  switch (encoding) {
    case Encoding::kXor:
    case Encoding::kHistogram:
    case Encoding::kFloatHistogram:
      if (data.size() < 2) {
        return base::DataLoss("chunk of ", data.size(), " bytes has no header");
      }
      return static_cast<int>(static_cast<unsigned char>(data[0])) << 8 | static_cast<unsigned char>(data[1]);
    case Encoding::kAggregate: {
      TH_ASSIGN_OR_RETURN(const AggregateParts parts, SplitAggregateChunk(data));
      for (const AggregatePart& part : parts) {
        if (part.encoding != Encoding::kNone) {
          return NumSamples(part.encoding, part.data);
        }
      }
      return 0;
    }
    case Encoding::kNone:
      break;
  }
  return base::InvalidArgument("unknown chunk encoding ", static_cast<int>(encoding));
}

}  // namespace thanos::chunkenc
