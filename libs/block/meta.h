#pragma once

// meta.json of a block: Prometheus' part and Thanos' section.

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/status.h"
#include "labels/labels.h"
#include "model/time_range.h"
#include "model/ulid.h"
#include "relabel/relabel.h"

namespace thanos::block {

inline constexpr std::string_view kMetaFileName = "meta.json";
inline constexpr std::string_view kIndexFileName = "index";
inline constexpr std::string_view kChunksDirectory = "chunks";
inline constexpr std::string_view kTombstonesFileName = "tombstones";

// Values of Thanos' source field.
inline constexpr std::string_view kSourceSidecar = "sidecar";
inline constexpr std::string_view kSourceReceive = "receive";
inline constexpr std::string_view kSourceCompactor = "compactor";
inline constexpr std::string_view kSourceCompactorRepair = "compactor.repair";
inline constexpr std::string_view kSourceBucketRepair = "bucket.repair";
inline constexpr std::string_view kSourceBucketRewrite = "bucket.rewrite";
inline constexpr std::string_view kSourceBucketUpload = "bucket.upload";
inline constexpr std::string_view kSourceRuler = "ruler";

struct BlockStats {
  uint64_t num_samples = 0;
  uint64_t num_float_samples = 0;
  uint64_t num_histogram_samples = 0;
  uint64_t num_series = 0;
  uint64_t num_chunks = 0;
  uint64_t num_tombstones = 0;
  friend bool operator==(const BlockStats&, const BlockStats&) = default;
};

// A block named as parent; times as in Meta.
struct BlockParent {
  model::Ulid ulid;
  int64_t min_time_ms = 0;
  int64_t max_time_ms = 0;
  friend bool operator==(const BlockParent&, const BlockParent&) = default;
};

struct CompactionInfo {
  int level = 0;
  std::vector<model::Ulid> sources;
  std::vector<BlockParent> parents;
  bool deletable = false;
  bool failed = false;
  std::vector<std::string> hints;
  friend bool operator==(const CompactionInfo&, const CompactionInfo&) = default;
};

// One uploaded file. meta.json itself is listed without size.
struct BlockFile {
  std::string rel_path;
  int64_t size_bytes = 0;
  std::string hash_function;  // "SHA256" or empty
  std::string hash_value;     // hexadecimal
  friend bool operator==(const BlockFile&, const BlockFile&) = default;
};

// What a rewrite of a block by `tools bucket rewrite` did.
struct BlockRewrite {
  struct Interval {
    int64_t min_time_ms = 0;  // both inclusive
    int64_t max_time_ms = 0;
  };
  struct Deletion {
    std::string matchers;             // "{a=\"b\"}"
    std::vector<Interval> intervals;  // none: all of the series
    std::string request_id;
  };
  std::vector<model::Ulid> sources;  // those of the block before
  std::vector<Deletion> deletions;
  std::vector<relabel::RuleConfig> relabels;
};

// The `thanos` section. Earlier `rewrites` and unknown keys are kept by FormatMeta, not shown here.
struct ThanosSection {
  labels::Labels labels;  // external labels
  int64_t resolution_ms = 0;
  std::string source;
  std::vector<std::string> segment_files;
  std::vector<BlockFile> files;
  int64_t series_max_bytes = 0;  // index_stats; 0 is unknown
  int64_t chunk_max_bytes = 0;
  std::string upload_time;  // RFC 3339; empty or year 1 when unknown
  std::vector<std::string> extension_keys;
  std::vector<BlockRewrite> new_rewrites;  // appended to `rewrites`
};

struct Meta {
  model::Ulid ulid;
  int64_t min_time_ms = 0;
  int64_t max_time_ms = 0;  // exclusive
  BlockStats stats;
  CompactionInfo compaction;
  std::optional<ThanosSection> thanos;
  // The text this was parsed from; FormatMeta takes everything from it that the fields above do not cover.
  std::string original;

  model::HalfOpenRange time_range() const { return {min_time_ms, max_time_ms}; }
  labels::LabelSpan external_labels() const { return thanos ? thanos->labels.span() : labels::LabelSpan(); }
  int64_t resolution_ms() const { return thanos ? thanos->resolution_ms : 0; }
  // The upload time, else the time of the ULID.
  int64_t UploadTimeMs() const;
};

// DataLoss: not JSON of this shape, a version other than 1, or an impossible time range.
base::StatusOr<Meta> ParseMeta(std::string_view json);
// Tab-indented, byte for byte as Prometheus (without Thanos section) and Thanos write it; keys of `original`
// that are not known here survive.
std::string FormatMeta(const Meta& meta);

// "<ULID>/meta.json".
std::string MetaPath(const model::Ulid& ulid);
// Reads and writes `<block_directory>/meta.json`; the write is atomic and durable.
base::StatusOr<Meta> ReadMetaFile(const std::string& block_directory);
base::Status WriteMetaFile(const std::string& block_directory, const Meta& meta);

// RFC 3339 with milliseconds, as in upload_time; and back.
std::string FormatRfc3339(int64_t time_ms);
std::optional<int64_t> ParseRfc3339(std::string_view text);

}  // namespace thanos::block
