#include "remotewrite/decode.h"

#include "encoding/compress.h"
#include "remotewrite/internal/fields.h"

namespace thanos::remotewrite {

using encoding::WireField;
using encoding::WireReader;
using encoding::WireType;

base::Status Uncompress(ContentEncoding encoding, std::string_view body, size_t max_decoded_bytes,
                        std::string* out) {
  const base::Status status = encoding == ContentEncoding::kSnappy
                                  ? encoding::SnappyUncompress(body, max_decoded_bytes, out)
                                  : encoding::ZstdUncompress(body, max_decoded_bytes, out);
  if (status.code() == base::StatusCode::kDataLoss) {
    return base::InvalidArgument("decode request body: ", base::Message(status));
  }
  return status;
}

base::StatusOr<RequestSize> Measure(Version version, std::string_view body) {
  const bool v1 = version == Version::kV1;
  const uint32_t series_field = v1 ? internal::kRequestSeries : internal::kRequest2Series;
  const uint32_t histograms = v1 ? internal::kSeriesHistograms : internal::kSeries2Histograms;
  const uint32_t exemplars = v1 ? internal::kSeriesExemplars : internal::kSeries2Exemplars;
  RequestSize size;
  WireReader request(body);
  WireField field;
  while (request.Next(&field)) {
    if (!field.is(series_field, WireType::kBytes)) {
      continue;
    }
    WireReader series(field.bytes);
    WireField inner;
    while (series.Next(&inner)) {
      if (inner.type == WireType::kBytes) {
        size.samples += inner.number == internal::kSeriesSamples ? 1 : 0;
        size.histograms += inner.number == histograms ? 1 : 0;
        size.exemplars += inner.number == exemplars ? 1 : 0;
      }
    }
    if (!series.ok()) {
      return base::InvalidArgument("series ", size.series, ": ", base::Message(series.status()));
    }
    ++size.series;
  }
  if (!request.ok()) {
    return base::InvalidArgument("write request: ", base::Message(request.status()));
  }
  return size;
}

}  // namespace thanos::remotewrite
