#include "chunkenc/histogram_layout.h"

#include <bit>
#include <cmath>

namespace thanos::chunkenc::internal {
namespace {

// Custom bounds that are whole thousandths up to this are written short.
constexpr double kMaxShortBound = 33554430;

void WriteZeroThreshold(encoding::BitWriter& writer, double threshold) {
  int exponent = 0;
  if (threshold == 0) {
    writer.WriteBits(0, 8);
  } else if (std::frexp(threshold, &exponent) == 0.5 && exponent >= -242 && exponent <= 11) {
    writer.WriteBits(static_cast<uint64_t>(exponent + 243), 8);
  } else {
    writer.WriteBits(255, 8);
    writer.WriteBits(std::bit_cast<uint64_t>(threshold), 64);
  }
}

bool ReadDouble(encoding::BitReader& reader, double* value) {
  uint64_t bits;
  if (!reader.ReadBits(64, &bits)) {
    return false;
  }
  *value = std::bit_cast<double>(bits);
  return true;
}

bool ReadZeroThreshold(encoding::BitReader& reader, double* threshold) {
  uint64_t code;
  if (!reader.ReadBits(8, &code)) {
    return false;
  }
  if (code == 255) {
    return ReadDouble(reader, threshold);
  }
  *threshold = code == 0 ? 0.0 : std::ldexp(0.5, static_cast<int>(code) - 243);
  return true;
}

void WriteSpans(encoding::BitWriter& writer, const std::vector<model::Span>& spans) {
  WriteVarbitUint(writer, spans.size());
  for (const model::Span& span : spans) {
    WriteVarbitUint(writer, span.length);
    WriteVarbitInt(writer, span.offset);
  }
}

bool ReadSpans(encoding::BitReader& reader, unsigned min_bits_per_bucket, std::vector<model::Span>* spans) {
  uint64_t count;
  if (!ReadVarbitUint(reader, &count) || count > reader.remaining_bits() / 2) {
    return false;
  }
  uint64_t num_buckets = 0;
  for (; count > 0; --count) {
    uint64_t length;
    int64_t offset;
    if (!ReadVarbitUint(reader, &length) || !ReadVarbitInt(reader, &offset)) {
      return false;
    }
    if (length > reader.remaining_bits() || offset < INT32_MIN || offset > INT32_MAX) {
      return false;
    }
    num_buckets += length;
    if (num_buckets > reader.remaining_bits() / min_bits_per_bucket) {
      return false;
    }
    spans->push_back({static_cast<int32_t>(offset), static_cast<uint32_t>(length)});
  }
  return true;
}

bool IsShortBound(double bound) {
  const double scaled = bound * 1000;
  return scaled >= 0 && scaled <= kMaxShortBound && std::round(scaled) / 1000 == bound;
}

void WriteCustomBounds(encoding::BitWriter& writer, const std::vector<double>& bounds) {
  WriteVarbitUint(writer, bounds.size());
  for (const double bound : bounds) {
    if (IsShortBound(bound)) {
      WriteVarbitUint(writer, static_cast<uint64_t>(std::round(bound * 1000)) + 1);
    } else {
      writer.WriteBits(0, 1);
      writer.WriteBits(std::bit_cast<uint64_t>(bound), 64);
    }
  }
}

bool ReadCustomBounds(encoding::BitReader& reader, std::vector<double>* bounds) {
  uint64_t count;
  if (!ReadVarbitUint(reader, &count) || count > reader.remaining_bits() / 4) {
    return false;
  }
  for (; count > 0; --count) {
    uint64_t code;
    double bound;
    if (!ReadVarbitUint(reader, &code)) {
      return false;
    }
    if (code != 0) {
      bound = static_cast<double>(code - 1) / 1000;
    } else if (!ReadDouble(reader, &bound)) {
      return false;
    }
    bounds->push_back(bound);
  }
  return true;
}

bool IsKnownSchema(int64_t schema) {
  // Like Prometheus, schemas above 8 are read as well (they are reserved up to 52).
  return schema == model::kCustomBucketsSchema || (schema >= model::kMinExponentialSchema && schema <= 52);
}

}  // namespace

uint8_t FlagsOf(model::CounterResetHint hint) {
  switch (hint) {
    case model::CounterResetHint::kReset:
      return 0x80;
    case model::CounterResetHint::kNotReset:
      return 0x40;
    case model::CounterResetHint::kGauge:
      return 0xc0;
    case model::CounterResetHint::kUnknown:
      break;
  }
  return 0;
}

model::CounterResetHint HintOf(uint8_t flags) {
  switch (flags & 0xc0) {
    case 0x80:
      return model::CounterResetHint::kReset;
    case 0x40:
      return model::CounterResetHint::kNotReset;
    case 0xc0:
      return model::CounterResetHint::kGauge;
    default:
      return model::CounterResetHint::kUnknown;
  }
}

void WriteLayout(encoding::BitWriter& writer, const model::Histogram& histogram) {
  WriteZeroThreshold(writer, histogram.zero_threshold);
  WriteVarbitInt(writer, histogram.schema);
  WriteSpans(writer, histogram.positive_spans);
  WriteSpans(writer, histogram.negative_spans);
  if (histogram.uses_custom_buckets()) {
    WriteCustomBounds(writer, histogram.custom_bounds);
  }
}

bool ReadLayout(encoding::BitReader& reader, unsigned min_bits_per_bucket, model::Histogram* histogram) {
  int64_t schema;
  if (!ReadZeroThreshold(reader, &histogram->zero_threshold) || !ReadVarbitInt(reader, &schema) ||
      !IsKnownSchema(schema)) {
    return false;
  }
  histogram->schema = static_cast<int32_t>(schema);
  return ReadSpans(reader, min_bits_per_bucket, &histogram->positive_spans) &&
         ReadSpans(reader, min_bits_per_bucket, &histogram->negative_spans) &&
         (!histogram->uses_custom_buckets() || ReadCustomBounds(reader, &histogram->custom_bounds));
}

}  // namespace thanos::chunkenc::internal
