// A log segment, as it stands or with the checksums of its fragments put right, and every record in it; or,
// by the first byte, one bare record. Records that read well are written back and must read the same.
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string>
#include <string_view>

#include "base/bytes.h"
#include "encoding/crc32c.h"
#include "wal/records.h"
#include "wal/segments.h"

namespace {

namespace base = thanos::base;
namespace wal = thanos::wal;

constexpr size_t kPageBytes = 32 * 1024;
constexpr size_t kHeaderBytes = 7;

void Require(bool condition) {
  if (!condition) {
    std::abort();
  }
}

template <typename Entry>
std::string Rebuild(std::string_view record, bool* readable) {
  wal::RecordReader reader(record);
  std::string out;
  wal::RecordBuilder builder(reader.type(), &out);
  Entry entry;
  while (reader.Next(&entry)) {
    builder.Add(entry);
  }
  *readable = reader.status().ok();
  return out;
}

std::string RebuildHistograms(std::string_view record, bool* readable) {
  wal::RecordReader reader(record);
  std::string out;
  wal::HistogramEntry entry;
  size_t num_entries = 0;
  while (reader.Next(&entry)) {
    std::string one;
    wal::RecordBuilder(wal::TypeFor(entry.histogram), &one).Add(entry.ref, entry.time_ms, entry.histogram);
    wal::RecordReader again(one);
    wal::HistogramEntry copy;
    Require(again.Next(&copy));
    Require(copy.ref == entry.ref && copy.time_ms == entry.time_ms);
    ++num_entries;
  }
  Require(num_entries <= record.size());
  *readable = false;  // the bytes are not compared: counts above 2^53 are rounded
  return out;
}

std::string Rebuild(std::string_view record, bool* readable) {
  switch (wal::TypeOf(record)) {
    case wal::RecordType::kSeries:
      return Rebuild<wal::SeriesEntry>(record, readable);
    case wal::RecordType::kSamples:
      return Rebuild<wal::SampleEntry>(record, readable);
    case wal::RecordType::kTombstones:
      return Rebuild<wal::TombstoneEntry>(record, readable);
    case wal::RecordType::kExemplars:
      return Rebuild<wal::ExemplarEntry>(record, readable);
    case wal::RecordType::kMmapMarkers:
      return Rebuild<wal::MmapMarkerEntry>(record, readable);
    case wal::RecordType::kMetadata:
      return Rebuild<wal::MetadataEntry>(record, readable);
    case wal::RecordType::kUnknown:
      *readable = false;
      return {};
    default:
      return RebuildHistograms(record, readable);
  }
}

void CheckRecord(std::string_view record) {
  bool readable = false;
  const std::string once = Rebuild(record, &readable);
  if (readable) {
    bool again = false;
    Require(Rebuild(once, &again) == once && again);
  }
}

void PutChecksums(std::string* segment) {
  for (size_t at = 0; at + kHeaderBytes <= segment->size();) {
    const size_t page_end = at - at % kPageBytes + kPageBytes;
    const size_t length = static_cast<size_t>(static_cast<uint8_t>((*segment)[at + 1])) << 8 |
                          static_cast<uint8_t>((*segment)[at + 2]);
    if ((*segment)[at] == 0 || at + kHeaderBytes + length > page_end ||
        at + kHeaderBytes + length > segment->size()) {
      at = page_end;
      continue;
    }
    std::string crc;
    base::AppendBigEndian32(
        crc, thanos::encoding::Crc32c(std::string_view(*segment).substr(at + kHeaderBytes, length)));
    segment->replace(at + 3, 4, crc);
    at += kHeaderBytes + length;
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  if (size == 0) {
    return 0;
  }
  std::string input(reinterpret_cast<const char*>(data) + 1, size - 1);
  if (data[0] % 3 == 0) {
    CheckRecord(input);
    return 0;
  }
  if (data[0] % 3 == 1) {
    PutChecksums(&input);
  }
  wal::SegmentReader reader(input, "segment");
  std::string_view record;
  uint64_t last_offset = 0;
  while (reader.Next(&record)) {
    Require(reader.offset() > last_offset && reader.offset() <= input.size());
    last_offset = reader.offset();
    CheckRecord(record);
  }
  Require(reader.stats().dropped_bytes <= input.size());
  return 0;
}
