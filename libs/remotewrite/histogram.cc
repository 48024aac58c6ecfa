#include <cmath>

#include "remotewrite/decode.h"

namespace thanos::remotewrite {

using encoding::WireField;
using encoding::WireReader;
using encoding::WireType;

namespace {

bool ReadSpan(std::string_view message, std::vector<model::Span>* spans) {
  model::Span span;
  WireReader reader(message);
  WireField field;
  while (reader.Next(&field)) {
    if (field.is(1, WireType::kVarint)) {
      span.offset = static_cast<int32_t>(encoding::ZigZagDecode(field.integer & 0xffffffffU));
    } else if (field.is(2, WireType::kVarint)) {
      span.length = static_cast<uint32_t>(field.integer);
    }
  }
  spans->push_back(span);
  return reader.ok();
}

// Adds differences to absolute counts, which go on from the last one. False on damage and overflow.
bool ReadDeltas(const WireField& field, std::vector<double>* counts, int64_t* last) {
  bool fits = true;
  const bool read = encoding::ForEachVarint(field, [&](uint64_t raw) {
    fits = fits && !__builtin_add_overflow(*last, encoding::ZigZagDecode(raw), last);
    counts->push_back(static_cast<double>(*last));
  });
  return read && fits;
}

bool ReadDoubles(const WireField& field, std::vector<double>* values) {
  return encoding::ForEachFixed64(field,
                                  [&](uint64_t bits) { values->push_back(std::bit_cast<double>(bits)); });
}

struct State {
  int64_t last_positive = 0;
  int64_t last_negative = 0;
};

bool ReadHistogramField(const WireField& field, HistogramPoint* point, State* state) {
  model::Histogram& histogram = point->histogram;
  const bool is_double = field.type == WireType::kFixed64;
  const bool is_varint = field.type == WireType::kVarint;
  const bool is_bytes = field.type == WireType::kBytes;
  switch (field.number) {
    case 1:
      histogram.count = static_cast<double>(field.integer);
      histogram.is_float = false;
      return is_varint;
    case 2:
      histogram.count = field.AsDouble();
      histogram.is_float = true;
      return is_double;
    case 3:
      histogram.sum = field.AsDouble();
      return is_double;
    case 4:
      histogram.schema = static_cast<int32_t>(encoding::ZigZagDecode(field.integer & 0xffffffffU));
      return is_varint;
    case 5:
      histogram.zero_threshold = field.AsDouble();
      return is_double;
    case 6:
      histogram.zero_count = static_cast<double>(field.integer);
      return is_varint;
    case 7:
      histogram.zero_count = field.AsDouble();
      return is_double;
    case 8:
      return is_bytes && ReadSpan(field.bytes, &histogram.negative_spans);
    case 9:
      return ReadDeltas(field, &histogram.negative_buckets, &state->last_negative);
    case 10:
      return ReadDoubles(field, &histogram.negative_buckets);
    case 11:
      return is_bytes && ReadSpan(field.bytes, &histogram.positive_spans);
    case 12:
      return ReadDeltas(field, &histogram.positive_buckets, &state->last_positive);
    case 13:
      return ReadDoubles(field, &histogram.positive_buckets);
    case 14:
      histogram.counter_reset_hint = field.integer <= 3 ? static_cast<model::CounterResetHint>(field.integer)
                                                        : model::CounterResetHint::kUnknown;
      return is_varint;
    case 15:
      point->time_ms = field.AsInt64();
      return is_varint;
    case 16:
      return ReadDoubles(field, &histogram.custom_bounds);
    case 17:
      point->start_time_ms = field.AsInt64();
      return is_varint;
    default:
      return true;
  }
}

base::Status CheckSide(std::string_view side, const std::vector<model::Span>& spans,
                       const std::vector<double>& buckets) {
  for (size_t i = 1; i < spans.size(); ++i) {
    if (spans[i].offset < 0) {
      return base::InvalidArgument(side, " side: span number ", i + 1, " with offset ", spans[i].offset);
    }
  }
  if (model::NumBuckets(spans) != buckets.size()) {
    return base::InvalidArgument(side, " side: spans need ", model::NumBuckets(spans), " buckets, have ",
                                 buckets.size());
  }
  for (size_t i = 0; i < buckets.size(); ++i) {
    if (buckets[i] < 0) {
      return base::InvalidArgument(side, " side: bucket number ", i + 1, " has observation count of ",
                                   buckets[i]);
    }
  }
  return base::OkStatus();
}

base::Status CheckCustom(const model::Histogram& histogram) {
  if (!histogram.negative_spans.empty() || !histogram.negative_buckets.empty() || histogram.zero_count != 0 ||
      histogram.zero_threshold != 0) {
    return base::InvalidArgument("custom buckets: must not have negative or zero buckets");
  }
  double previous = -std::numeric_limits<double>::infinity();
  for (const double bound : histogram.custom_bounds) {
    if (!(bound > previous) || std::isinf(bound)) {
      return base::InvalidArgument("custom buckets: bounds are not ascending finite numbers: ", previous,
                                   ", ", bound);
    }
    previous = bound;
  }
  int64_t last = 0;
  for (const model::Span& span : histogram.positive_spans) {
    last += int64_t{span.offset} + span.length;
    if (span.offset < 0 || last > static_cast<int64_t>(histogram.custom_bounds.size()) + 1) {
      return base::InvalidArgument("custom buckets: only ", histogram.custom_bounds.size(),
                                   " bounds, which do not fit the spans");
    }
  }
  return base::OkStatus();
}

base::Status Check(const model::Histogram& histogram) {
  const bool custom = histogram.uses_custom_buckets();
  if (!custom &&
      (histogram.schema < model::kMinExponentialSchema || histogram.schema > model::kMaxExponentialSchema)) {
    return base::InvalidArgument("invalid schema ", histogram.schema);
  }
  TH_RETURN_IF_ERROR(CheckSide("negative", histogram.negative_spans, histogram.negative_buckets));
  TH_RETURN_IF_ERROR(CheckSide("positive", histogram.positive_spans, histogram.positive_buckets));
  if (custom) {
    TH_RETURN_IF_ERROR(CheckCustom(histogram));
  } else if (!histogram.custom_bounds.empty()) {
    return base::InvalidArgument("histogram with exponential schema must not have custom bounds");
  }
  if (histogram.count < 0 || histogram.zero_count < 0) {
    return base::InvalidArgument("negative observation count");
  }
  if (histogram.is_float) {
    return base::OkStatus();
  }
  double observations = histogram.zero_count;
  for (const std::vector<double>* buckets : {&histogram.negative_buckets, &histogram.positive_buckets}) {
    for (const double count : *buckets) {
      observations += count;
    }
  }
  // NaN observations are counted and in no bucket.
  const bool adds_up =
      std::isnan(histogram.sum) ? observations <= histogram.count : observations == histogram.count;
  return adds_up ? base::OkStatus()
                 : base::InvalidArgument(observations, " observations found in buckets, but the count is ",
                                         histogram.count);
}

}  // namespace

base::Status DecodeHistogram(std::string_view message, HistogramPoint* point) {
  model::Histogram& histogram = point->histogram;
  point->time_ms = 0;
  point->start_time_ms = 0;
  histogram.is_float = false;
  histogram.counter_reset_hint = model::CounterResetHint::kUnknown;
  histogram.schema = 0;
  histogram.zero_threshold = 0;
  histogram.zero_count = 0;
  histogram.count = 0;
  histogram.sum = 0;
  for (auto* values : {&histogram.positive_buckets, &histogram.negative_buckets, &histogram.custom_bounds}) {
    values->clear();
  }
  histogram.positive_spans.clear();
  histogram.negative_spans.clear();
  State state;
  WireReader reader(message);
  WireField field;
  while (reader.Next(&field)) {
    if (!ReadHistogramField(field, point, &state)) {
      return base::InvalidArgument("histogram: field ", field.number, " is malformed");
    }
  }
  if (!reader.ok()) {
    return base::InvalidArgument("histogram: ", base::Message(reader.status()));
  }
  return base::Annotate(Check(histogram), "histogram");
}

}  // namespace thanos::remotewrite
