#pragma once

// Names of wire fields, private to this library.

#include <cstdint>

namespace thanos::remotewrite::internal {

// prometheus.WriteRequest, TimeSeries and what is in them.
inline constexpr uint32_t kRequestSeries = 1;
inline constexpr uint32_t kRequestMetadata = 3;
inline constexpr uint32_t kSeriesLabels = 1;
inline constexpr uint32_t kSeriesSamples = 2;
inline constexpr uint32_t kSeriesExemplars = 3;
inline constexpr uint32_t kSeriesHistograms = 4;
inline constexpr uint32_t kLabelName = 1;
inline constexpr uint32_t kLabelValue = 2;
// io.prometheus.write.v2.Request and TimeSeries.
inline constexpr uint32_t kRequest2Symbols = 4;
inline constexpr uint32_t kRequest2Series = 5;
inline constexpr uint32_t kSeries2LabelRefs = 1;
inline constexpr uint32_t kSeries2Samples = 2;
inline constexpr uint32_t kSeries2Histograms = 3;
inline constexpr uint32_t kSeries2Exemplars = 4;
inline constexpr uint32_t kSeries2Metadata = 5;
inline constexpr uint32_t kSeries2Created =
    6;  // of all samples, in 2.0 before start times moved into samples
// Bytes before a length: field number 1 or 2, length-delimited.
inline constexpr char kTag1 = 0x0a;
inline constexpr char kTag2 = 0x12;

}  // namespace thanos::remotewrite::internal
