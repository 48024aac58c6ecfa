#include "wal/segments.h"

#include <algorithm>

#include "base/file_mapping.h"
#include "base/strings.h"
#include "wal/internal/framing.h"

namespace thanos::wal {
namespace {

constexpr size_t kNameDigits = 8;
constexpr std::string_view kCheckpointPrefix = "checkpoint.";
constexpr std::string_view kRepairedSuffix = ".repaired";
constexpr std::string_view kPartialSuffix = ".tmp";
// Pages of a mapped segment are given back in steps of this size, so that replay does not hold whole
// segments.
constexpr uint64_t kReleaseBytes = 4 << 20;
// Repairs write in steps of about this size.
constexpr size_t kWriteBytes = 1 << 20;

base::Status ReplaySegments(FileSystem& files, const std::string& directory, SegmentRange range,
                            bool in_checkpoint, const RecordVisitor& visit, ReplayStats* stats) {
  TH_ASSIGN_OR_RETURN(const std::vector<uint64_t> segments, ListSegments(files, directory));
  for (const uint64_t segment : segments) {
    if (segment < range.first || segment > range.last) {
      continue;
    }
    const std::string path = base::Concat(directory, "/", SegmentName(segment));
    TH_ASSIGN_OR_RETURN(const base::SharedBytes content, files.Read(path));
    SegmentReader reader(content.bytes, path);
    std::string_view record;
    uint64_t released = 0;
    while (reader.Next(&record)) {
      TH_RETURN_IF_ERROR(visit({in_checkpoint, segment, reader.offset()}, record));
      if (reader.offset() - released >= kReleaseBytes) {
        base::ReleasePages(content.owner,
                           content.bytes.substr(released, static_cast<size_t>(reader.offset() - released)));
        released = reader.offset();
      }
    }
    if (!base::IsIntact(content.owner)) {
      return base::DataLoss(path, ": the file was cut or its disk failed while it was read");
    }
    stats->Add(reader.stats());
  }
  return base::OkStatus();
}

base::Status WriteAll(WritableFile& file, std::string_view data) {
  while (!data.empty()) {
    TH_ASSIGN_OR_RETURN(const size_t written, file.Write(data));
    if (written == 0) {
      return base::Internal("nothing was written");
    }
    data.remove_prefix(written);
  }
  return base::OkStatus();
}

// Writes what can be read of a segment to a new, synced file.
base::Status WriteSalvaged(FileSystem& files, const std::string& segment_path, std::string_view content,
                           const std::string& path) {
  TH_ASSIGN_OR_RETURN(const std::unique_ptr<WritableFile> file, files.Create(path));
  SegmentReader reader(content, segment_path);
  std::string_view record;
  std::string buffer;
  uint64_t position = 0;  // of the buffer's end
  while (reader.Next(&record)) {
    const size_t before = buffer.size();
    internal::AppendFragments(record, 0, position, &buffer);
    position += buffer.size() - before;
    if (buffer.size() >= kWriteBytes) {
      TH_RETURN_IF_ERROR(base::Annotate(WriteAll(*file, buffer), "write ", path));
      buffer.clear();
    }
  }
  TH_RETURN_IF_ERROR(base::Annotate(WriteAll(*file, buffer), "write ", path));
  TH_RETURN_IF_ERROR(file->Sync());
  return file->Close();
}

// A name for the damaged original that is not taken.
std::string DamagedName(const std::vector<std::string>& names, const std::string& segment) {
  const std::string first = segment + ".damaged";
  std::string name = first;
  for (int i = 1; std::find(names.begin(), names.end(), name) != names.end(); ++i) {
    name = base::Concat(first, ".", i);
  }
  return name;
}

// Ends what a crash interrupted: a finished <segment>.repaired without its segment takes the name, one beside
// its segment was not needed yet and goes, unfinished files go.
base::Status FinishRepairs(FileSystem& files, const std::string& directory) {
  TH_ASSIGN_OR_RETURN(const std::vector<std::string> names, files.List(directory));
  bool changed = false;
  for (const std::string& name : names) {
    const std::string path = base::Concat(directory, "/", name);
    if (name.ends_with(kPartialSuffix) &&
        ParseSegmentName(std::string_view(name).substr(0, name.size() - kPartialSuffix.size()))) {
      TH_RETURN_IF_ERROR(files.Remove(path));
      changed = true;
    }
    if (!name.ends_with(kRepairedSuffix)) {
      continue;
    }
    const std::string segment = name.substr(0, name.size() - kRepairedSuffix.size());
    if (!ParseSegmentName(segment)) {
      continue;
    }
    const bool original_there = std::find(names.begin(), names.end(), segment) != names.end();
    TH_RETURN_IF_ERROR(original_there ? files.Remove(path)
                                      : files.Rename(path, base::Concat(directory, "/", segment)));
    changed = true;
  }
  return changed ? files.SyncDirectory(directory) : base::OkStatus();
}

}  // namespace

std::string SegmentName(uint64_t segment) {
  std::string digits = base::Concat(segment);
  return digits.size() < kNameDigits ? std::string(kNameDigits - digits.size(), '0') + digits : digits;
}

std::optional<uint64_t> ParseSegmentName(std::string_view name) {
  if (name.size() < kNameDigits || name.find_first_not_of("0123456789") != std::string_view::npos) {
    return std::nullopt;
  }
  return base::ParseUint64(name);
}

std::string CheckpointName(uint64_t segment) {
  return base::Concat(kCheckpointPrefix, SegmentName(segment));
}

base::StatusOr<std::vector<uint64_t>> ListSegments(FileSystem& files, const std::string& directory) {
  TH_ASSIGN_OR_RETURN(const std::vector<std::string> names, files.List(directory));
  std::vector<uint64_t> segments;
  for (const std::string& name : names) {
    if (const auto segment = ParseSegmentName(name)) {
      segments.push_back(*segment);
    }
  }
  std::sort(segments.begin(), segments.end());
  return segments;
}

base::StatusOr<std::optional<uint64_t>> LastCheckpoint(FileSystem& files, const std::string& directory) {
  TH_ASSIGN_OR_RETURN(const std::vector<std::string> names, files.List(directory));
  std::optional<uint64_t> last;
  for (const std::string& name : names) {
    if (!name.starts_with(kCheckpointPrefix)) {
      continue;
    }
    const auto segment = ParseSegmentName(std::string_view(name).substr(kCheckpointPrefix.size()));
    if (segment && (!last || *segment > *last)) {
      last = segment;
    }
  }
  return last;
}

base::Status Replay(FileSystem& files, const std::string& directory, SegmentRange range,
                    const RecordVisitor& visit, ReplayStats* stats) {
  TH_ASSIGN_OR_RETURN(const std::optional<uint64_t> checkpoint, LastCheckpoint(files, directory));
  if (checkpoint && *checkpoint >= range.first) {
    const std::string path = base::Concat(directory, "/", CheckpointName(*checkpoint));
    TH_RETURN_IF_ERROR(ReplaySegments(files, path, {}, true, visit, stats));
    range.first = *checkpoint + 1;
  }
  return ReplaySegments(files, directory, range, false, visit, stats);
}

base::StatusOr<uint64_t> RepairSegments(FileSystem& files, const std::string& directory) {
  TH_RETURN_IF_ERROR(FinishRepairs(files, directory));
  TH_ASSIGN_OR_RETURN(const std::vector<uint64_t> segments, ListSegments(files, directory));
  uint64_t num_repaired = 0;
  for (const uint64_t segment : segments) {
    const std::string name = SegmentName(segment);
    const std::string path = base::Concat(directory, "/", name);
    TH_ASSIGN_OR_RETURN(const base::SharedBytes content, files.Read(path));
    // Most segments are whole: look first, copy only where needed.
    SegmentReader scan(content.bytes, path);
    std::string_view record;
    while (scan.Next(&record)) {
    }
    if (scan.stats().damaged_segments == 0 && scan.stats().torn_tails == 0) {
      continue;
    }
    const std::string partial = base::Concat(path, kPartialSuffix);
    TH_RETURN_IF_ERROR(WriteSalvaged(files, path, content.bytes, partial));
    if (!base::IsIntact(content.owner)) {
      return base::DataLoss(path, ": the file was cut or its disk failed while it was read");
    }
    if (scan.stats().damaged_segments == 0) {
      // A torn tail holds nothing that was acknowledged: one step, no copy is kept.
      TH_RETURN_IF_ERROR(files.Rename(partial, path));
    } else {
      TH_ASSIGN_OR_RETURN(const std::vector<std::string> names, files.List(directory));
      const std::string repaired = base::Concat(path, kRepairedSuffix);
      TH_RETURN_IF_ERROR(files.Rename(partial, repaired));
      TH_RETURN_IF_ERROR(files.SyncDirectory(directory));
      TH_RETURN_IF_ERROR(files.Rename(path, base::Concat(directory, "/", DamagedName(names, name))));
      TH_RETURN_IF_ERROR(files.SyncDirectory(directory));
      TH_RETURN_IF_ERROR(files.Rename(repaired, path));
    }
    TH_RETURN_IF_ERROR(files.SyncDirectory(directory));
    ++num_repaired;
  }
  return num_repaired;
}

}  // namespace thanos::wal
