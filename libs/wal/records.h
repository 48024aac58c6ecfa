#pragma once

// The records of the write-ahead log and the write-behind log, as Prometheus (tsdb/record) writes them: a
// type byte, then entries. References name series of the head; times are int64 milliseconds since the Unix
// epoch. Reading borrows from the record; nothing is allocated per entry.

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/status.h"
#include "encoding/varint.h"
#include "labels/labels.h"
#include "model/histogram.h"

namespace thanos::wal {

enum class RecordType : uint8_t {
  kUnknown = 0,
  kSeries = 1,
  kSamples = 2,
  kTombstones = 3,
  kExemplars = 4,
  kMmapMarkers = 5,  // write-behind log only
  kMetadata = 6,
  kHistograms = 7,
  kFloatHistograms = 8,
  kCustomHistograms = 9,  // custom buckets
  kCustomFloatHistograms = 10,
};

// kUnknown for empty records and types of later versions, which readers skip.
RecordType TypeOf(std::string_view record);

// The type of record that holds `histogram`.
RecordType TypeFor(const model::Histogram& histogram);

// An encoded label set inside a record: count, then names and values. Its framing has been checked.
class LabelBlock {
 public:
  LabelBlock() = default;
  LabelBlock(std::string_view encoded, size_t num_labels) : encoded_(encoded), num_labels_(num_labels) {}

  // Names and values with their lengths, without the count. Equal bytes mean equal label sets.
  std::string_view encoded() const { return encoded_; }
  size_t size() const { return num_labels_; }
  // Replaces the content of `out` by views into the record.
  void CopyTo(std::vector<labels::LabelView>* out) const;

 private:
  std::string_view encoded_;
  size_t num_labels_ = 0;
};

struct SeriesEntry {
  uint64_t ref = 0;
  LabelBlock labels;
};
struct SampleEntry {
  uint64_t ref = 0;
  int64_t time_ms = 0;
  double value = 0;
};
// Samples with min_time_ms <= t <= max_time_ms are deleted.
struct TombstoneEntry {
  uint64_t ref = 0;
  int64_t min_time_ms = 0;
  int64_t max_time_ms = 0;
};
struct ExemplarEntry {
  uint64_t ref = 0;
  int64_t time_ms = 0;
  double value = 0;
  LabelBlock labels;
};
struct MmapMarkerEntry {
  uint64_t ref = 0;
  uint64_t chunk_ref = 0;  // file number << 32 | offset
};
struct MetadataEntry {
  uint64_t ref = 0;
  // 0 unknown, 1 counter, 2 gauge, 3 summary, 4 histogram sample, 5 gauge histogram, 6 info, 7 stateset.
  uint8_t metric_type = 0;
  std::string_view unit;
  std::string_view help;
};
// Reuse one entry: its vectors keep their memory. Counts of integer histograms are exact up to 2^53.
struct HistogramEntry {
  uint64_t ref = 0;
  int64_t time_ms = 0;
  model::Histogram histogram;
};

// Walks the entries of one record, which must outlive the reader and the views it gives.
//   RecordReader reader(record);
//   SampleEntry sample;
//   while (reader.Next(&sample)) { ... }
//   TH_RETURN_IF_ERROR(reader.status());
// Next answers false at the end, on damage, and when the record is of another type than the entry.
class RecordReader {
 public:
  explicit RecordReader(std::string_view record);

  RecordType type() const { return type_; }
  bool Next(SeriesEntry* entry);
  bool Next(SampleEntry* entry);
  bool Next(TombstoneEntry* entry);
  bool Next(ExemplarEntry* entry);
  bool Next(MmapMarkerEntry* entry);
  bool Next(MetadataEntry* entry);
  bool Next(HistogramEntry* entry);

  // OK, or DataLoss with the position of the damage.
  base::Status status() const;

 private:
  bool Begin(bool type_matches);
  bool Check(bool ok);
  bool ReadBase();
  bool ReadRefAndTime(uint64_t* ref, int64_t* time_ms);
  bool ReadLabels(LabelBlock* block);
  bool ReadHistogram(model::Histogram* histogram, bool is_float);

  encoding::ByteCursor cursor_;
  RecordType type_;
  bool damaged_ = false;
  bool wrong_type_ = false;
  bool has_base_ = false;
  uint64_t base_ref_ = 0;
  int64_t base_time_ms_ = 0;
};

// Builds one record at the end of `out`; entries must fit the type. The same bytes as Prometheus' encoder for
// the same entries in the same order.
class RecordBuilder {
 public:
  // `out` must outlive the builder; nothing else may append to it meanwhile.
  RecordBuilder(RecordType type, std::string* out);

  void Add(uint64_t ref, labels::LabelSpan labels);  // kSeries
  void Add(const SampleEntry& sample);               // kSamples
  void Add(const TombstoneEntry& tombstone);         // kTombstones
  void AddExemplar(uint64_t ref, int64_t time_ms, double value, labels::LabelSpan labels);
  void Add(const MmapMarkerEntry& marker);                                     // kMmapMarkers
  void Add(const MetadataEntry& metadata);                                     // kMetadata
  void Add(uint64_t ref, int64_t time_ms, const model::Histogram& histogram);  // TypeFor(histogram)
  // Copies an entry that was read from another record.
  void Add(const SeriesEntry& series);
  void Add(const ExemplarEntry& exemplar);

  size_t num_entries() const { return num_entries_; }

 private:
  void AddRefAndTime(uint64_t ref, int64_t time_ms);
  void AddLabels(labels::LabelSpan labels);

  RecordType type_;
  std::string* out_;
  size_t num_entries_ = 0;
  uint64_t base_ref_ = 0;
  int64_t base_time_ms_ = 0;
};

}  // namespace thanos::wal
