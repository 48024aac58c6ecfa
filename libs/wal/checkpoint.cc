#include "wal/checkpoint.h"

#include <map>
#include <vector>

#include "base/strings.h"
#include "wal/records.h"

namespace thanos::wal {
namespace {

constexpr std::string_view kCheckpointPrefix = "checkpoint.";
constexpr std::string_view kPartialSuffix = ".tmp";
// Records are handed to the writer in groups of about this size.
constexpr size_t kGroupBytes = 1 << 20;

// A directory of files without sub-directories.
base::Status RemoveDirectory(FileSystem& files, const std::string& path) {
  TH_ASSIGN_OR_RETURN(const std::vector<std::string> names, files.List(path));
  for (const std::string& name : names) {
    TH_RETURN_IF_ERROR(files.Remove(base::Concat(path, "/", name)));
  }
  return files.Remove(path);
}

// Copies the part of each record that is kept.
class Filter {
 public:
  Filter(const CheckpointOptions& options, Writer& writer, CheckpointStats* stats)
      : options_(options), writer_(writer), stats_(stats) {}

  base::Status Add(std::string_view record) {
    switch (TypeOf(record)) {
      case RecordType::kSeries:
        return Copy<SeriesEntry>(record, [&](const SeriesEntry& series) {
          const bool keep = options_.keep_series(series.ref);
          ++(keep ? stats_->series : stats_->dropped_series);
          return keep;
        });
      case RecordType::kSamples:
        return Copy<SampleEntry>(record,
                                 [&](const SampleEntry& sample) { return KeepSample(sample.time_ms); });
      case RecordType::kTombstones:
        return Copy<TombstoneEntry>(record, [&](const TombstoneEntry& tombstone) {
          return tombstone.max_time_ms >= options_.min_time_ms;
        });
      case RecordType::kExemplars:
        return Copy<ExemplarEntry>(
            record, [&](const ExemplarEntry& exemplar) { return exemplar.time_ms >= options_.min_time_ms; });
      case RecordType::kHistograms:
      case RecordType::kFloatHistograms:
      case RecordType::kCustomHistograms:
      case RecordType::kCustomFloatHistograms:
        return CopyHistograms(record);
      case RecordType::kMetadata:
        return KeepMetadata(record);
      case RecordType::kMmapMarkers:
      case RecordType::kUnknown:
        break;
    }
    return base::OkStatus();
  }

  // Metadata is written last: only the newest of each series matters.
  base::Status Finish() {
    if (!metadata_.empty()) {
      std::string out;
      RecordBuilder builder(RecordType::kMetadata, &out);
      for (const auto& [ref, metadata] : metadata_) {
        builder.Add(MetadataEntry{ref, metadata.metric_type, metadata.unit, metadata.help});
      }
      TH_RETURN_IF_ERROR(Queue(std::move(out)));
    }
    return Flush();
  }

 private:
  struct Metadata {
    uint8_t metric_type;
    std::string unit;
    std::string help;
  };

  bool KeepSample(int64_t time_ms) {
    const bool keep = time_ms >= options_.min_time_ms;
    ++(keep ? stats_->samples : stats_->dropped_samples);
    return keep;
  }

  template <typename Entry, typename Keep>
  base::Status Copy(std::string_view record, Keep keep) {
    RecordReader reader(record);
    std::string out;
    RecordBuilder builder(reader.type(), &out);
    Entry entry;
    while (reader.Next(&entry)) {
      if (keep(entry)) {
        builder.Add(entry);
      }
    }
    TH_RETURN_IF_ERROR(reader.status());
    return builder.num_entries() > 0 ? Queue(std::move(out)) : base::OkStatus();
  }

  base::Status CopyHistograms(std::string_view record) {
    RecordReader reader(record);
    std::string out;
    RecordBuilder builder(reader.type(), &out);
    while (reader.Next(&histogram_)) {
      if (KeepSample(histogram_.time_ms)) {
        builder.Add(histogram_.ref, histogram_.time_ms, histogram_.histogram);
      }
    }
    TH_RETURN_IF_ERROR(reader.status());
    return builder.num_entries() > 0 ? Queue(std::move(out)) : base::OkStatus();
  }

  base::Status KeepMetadata(std::string_view record) {
    RecordReader reader(record);
    MetadataEntry entry;
    while (reader.Next(&entry)) {
      if (options_.keep_series(entry.ref)) {
        metadata_.insert_or_assign(
            entry.ref, Metadata{entry.metric_type, std::string(entry.unit), std::string(entry.help)});
      }
    }
    return reader.status();
  }

  base::Status Queue(std::string record) {
    queued_bytes_ += record.size();
    queued_.push_back(std::move(record));
    return queued_bytes_ >= kGroupBytes ? Flush() : base::OkStatus();
  }

  base::Status Flush() {
    const std::vector<std::string_view> views(queued_.begin(), queued_.end());
    const base::Status status = views.empty() ? base::OkStatus() : writer_.Append({}, views);
    queued_.clear();
    queued_bytes_ = 0;
    return status;
  }

  const CheckpointOptions& options_;
  Writer& writer_;
  CheckpointStats* stats_;
  std::map<uint64_t, Metadata> metadata_;
  HistogramEntry histogram_;
  std::vector<std::string> queued_;
  size_t queued_bytes_ = 0;
};

base::Status FillCheckpoint(FileSystem& files, const std::string& directory, const std::string& target,
                            uint64_t last_segment, const CheckpointOptions& options, CheckpointStats* stats) {
  WriterOptions writer_options;
  writer_options.compression = options.compression;
  TH_ASSIGN_OR_RETURN(const std::unique_ptr<Writer> writer, Writer::Open(files, target, writer_options));
  Filter filter(options, *writer, stats);
  TH_RETURN_IF_ERROR(Replay(
      files, directory, {.first = 0, .last = last_segment},
      [&](const RecordPosition& position, std::string_view record) {
        return base::Annotate(filter.Add(record), directory, ", segment ", SegmentName(position.segment),
                              ", byte ", position.offset);
      },
      &stats->replay));
  TH_RETURN_IF_ERROR(filter.Finish());
  TH_RETURN_IF_ERROR(writer->Close());
  return files.SyncDirectory(target);
}

}  // namespace

base::StatusOr<CheckpointStats> WriteCheckpoint(FileSystem& files, const std::string& directory,
                                                uint64_t last_segment, const CheckpointOptions& options) {
  TH_ASSIGN_OR_RETURN(const std::optional<uint64_t> last, LastCheckpoint(files, directory));
  if (last && *last >= last_segment) {
    return base::AlreadyExists("write ", CheckpointName(last_segment), ": there is ", CheckpointName(*last));
  }
  const std::string path = base::Concat(directory, "/", CheckpointName(last_segment));
  const std::string partial = base::Concat(path, kPartialSuffix);
  if (const base::Status status = RemoveDirectory(files, partial);
      !status.ok() && status.code() != base::StatusCode::kNotFound) {
    return status;
  }
  CheckpointStats stats;
  const base::Status status = FillCheckpoint(files, directory, partial, last_segment, options, &stats);
  if (!status.ok()) {
    (void)RemoveDirectory(files, partial);
    return base::Annotate(status, "write ", CheckpointName(last_segment));
  }
  TH_RETURN_IF_ERROR(files.Rename(partial, path));
  TH_RETURN_IF_ERROR(files.SyncDirectory(directory));
  return stats;
}

base::Status RemoveCheckpointsBefore(FileSystem& files, const std::string& directory, uint64_t segment) {
  TH_ASSIGN_OR_RETURN(const std::vector<std::string> names, files.List(directory));
  for (const std::string& name : names) {
    std::string_view number = name;
    if (!number.starts_with(kCheckpointPrefix)) {
      continue;
    }
    number.remove_prefix(kCheckpointPrefix.size());
    const bool partial = number.ends_with(kPartialSuffix);
    number.remove_suffix(partial ? kPartialSuffix.size() : 0);
    const std::optional<uint64_t> found = ParseSegmentName(number);
    if (found && (partial || *found < segment)) {
      TH_RETURN_IF_ERROR(RemoveDirectory(files, base::Concat(directory, "/", name)));
    }
  }
  return files.SyncDirectory(directory);
}

}  // namespace thanos::wal
