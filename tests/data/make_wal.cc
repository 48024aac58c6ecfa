// make_wal --out=DIR --compression=none|snappy|zstd [--custom-buckets]: a data directory with a log as our
// writer leaves it after a checkpoint, a cut and a write that failed half way, for a real Prometheus to
// replay.
#include <iostream>
#include <string>
#include <vector>

#include "base/status.h"
#include "base/strings.h"
#include "wal/checkpoint.h"
#include "wal/records.h"
#include "wal/writer.h"

namespace {

namespace base = thanos::base;
namespace wal = thanos::wal;
using thanos::labels::Labels;
using thanos::model::Histogram;

constexpr int64_t kStartMs = 1'700'006'400'000;
constexpr int64_t kStepMs = 15'000;
constexpr uint64_t kNumCounters = 50;
constexpr int kStepsPerPhase = 20;

// The machine's file system, except that one write stops half way when told.
class BreakableFiles final : public wal::FileSystem {
 public:
  bool break_next_write = false;

  base::StatusOr<std::unique_ptr<wal::WritableFile>> Create(const std::string& path) override {
    TH_ASSIGN_OR_RETURN(std::unique_ptr<wal::WritableFile> file, files_.Create(path));
    return std::unique_ptr<wal::WritableFile>(std::make_unique<File>(*this, std::move(file)));
  }
  base::StatusOr<base::SharedBytes> Read(const std::string& path) override { return files_.Read(path); }
  base::StatusOr<std::vector<std::string>> List(const std::string& path) override {
    return files_.List(path);
  }
  base::Status CreateDirectory(const std::string& path) override { return files_.CreateDirectory(path); }
  base::Status Rename(const std::string& from, const std::string& to) override {
    return files_.Rename(from, to);
  }
  base::Status Remove(const std::string& path) override { return files_.Remove(path); }
  base::Status SyncDirectory(const std::string& path) override { return files_.SyncDirectory(path); }

 private:
  class File final : public wal::WritableFile {
   public:
    File(BreakableFiles& files, std::unique_ptr<wal::WritableFile> file)
        : files_(files), file_(std::move(file)) {}
    base::StatusOr<size_t> Write(std::string_view data) override {
      if (files_.break_next_write) {
        files_.break_next_write = false;
        return file_->Write(data.substr(0, data.size() / 2));
      }
      return file_->Write(data);
    }
    base::Status Sync() override { return file_->Sync(); }
    base::Status Truncate(uint64_t num_bytes) override { return file_->Truncate(num_bytes); }
    base::Status Close() override { return file_->Close(); }

   private:
    BreakableFiles& files_;
    std::unique_ptr<wal::WritableFile> file_;
  };

  wal::SystemFileSystem files_;
};

Histogram MakeHistogram(bool is_float, bool custom, int step) {
  Histogram histogram;
  histogram.is_float = is_float;
  histogram.positive_spans = {{0, 2}};
  histogram.positive_buckets = {1.0 + step, 2};
  histogram.count = 3.0 + step;
  histogram.sum = 4.5;
  if (custom) {
    histogram.schema = thanos::model::kCustomBucketsSchema;
    histogram.custom_bounds = {0.5, 2.5};
  } else {
    histogram.zero_threshold = 0.001;
    histogram.zero_count = 2;
    histogram.count += 2;
    histogram.negative_spans = {{1, 1}};
    histogram.negative_buckets = {4};
    histogram.count += 4;
  }
  return histogram;
}

base::Status Append(wal::Writer& writer, const std::string& record) {
  const std::string_view view = record;
  return writer.Append({}, {&view, 1});
}

base::Status AppendSeries(wal::Writer& writer, bool custom) {
  std::string record;
  wal::RecordBuilder builder(wal::RecordType::kSeries, &record);
  for (uint64_t ref = 1; ref <= kNumCounters; ++ref) {
    const std::string id = base::Concat(ref);
    builder.Add(ref, Labels({{"__name__", "requests_total"}, {"id", id}}));
  }
  builder.Add(101, Labels({{"__name__", "latency"}, {"kind", "integer"}}));
  builder.Add(102, Labels({{"__name__", "latency"}, {"kind", "float"}}));
  if (custom) {
    builder.Add(103, Labels({{"__name__", "latency"}, {"kind", "custom"}}));
  }
  return Append(writer, record);
}

base::Status AppendSteps(wal::Writer& writer, int first_step, bool custom) {
  for (int step = first_step; step < first_step + kStepsPerPhase; ++step) {
    const int64_t time_ms = kStartMs + step * kStepMs;
    std::string samples;
    wal::RecordBuilder builder(wal::RecordType::kSamples, &samples);
    for (uint64_t ref = 1; ref <= kNumCounters; ++ref) {
      builder.Add(wal::SampleEntry{ref, time_ms, static_cast<double>(ref) + step});
    }
    TH_RETURN_IF_ERROR(Append(writer, samples));
    for (const uint64_t ref : {101, 102, 103}) {
      if (ref == 103 && !custom) {
        continue;
      }
      const Histogram histogram = MakeHistogram(ref == 102, ref == 103, step);
      std::string record;
      wal::RecordBuilder(wal::TypeFor(histogram), &record).Add(ref, time_ms, histogram);
      TH_RETURN_IF_ERROR(Append(writer, record));
    }
  }
  return base::OkStatus();
}

base::Status MakeWal(const std::string& out, wal::Compression compression, bool custom) {
  BreakableFiles files;
  TH_RETURN_IF_ERROR(files.CreateDirectory(out));
  const std::string directory = out + "/wal";
  wal::WriterOptions options;
  options.compression = compression;
  options.fsync = wal::FsyncPolicy::kAlways;
  TH_ASSIGN_OR_RETURN(const std::unique_ptr<wal::Writer> writer,
                      wal::Writer::Open(files, directory, options));
  TH_RETURN_IF_ERROR(AppendSeries(*writer, custom));
  TH_RETURN_IF_ERROR(AppendSteps(*writer, 0, custom));
  TH_ASSIGN_OR_RETURN(const uint64_t second, writer->CutSegment());
  TH_RETURN_IF_ERROR(AppendSteps(*writer, kStepsPerPhase, custom));
  // The first segment becomes a checkpoint without the first five steps.
  wal::CheckpointOptions checkpoint;
  checkpoint.keep_series = [](uint64_t) { return true; };
  checkpoint.min_time_ms = kStartMs + 5 * kStepMs;
  checkpoint.compression = compression;
  TH_RETURN_IF_ERROR(wal::WriteCheckpoint(files, directory, second - 1, checkpoint).status());
  TH_RETURN_IF_ERROR(writer->RemoveSegmentsBefore(second));
  // A write that failed half way, and what came after it.
  files.break_next_write = true;
  if (Append(*writer, std::string(50'000, '\x02')).ok()) {
    return base::Internal("the broken write was acknowledged");
  }
  TH_RETURN_IF_ERROR(AppendSteps(*writer, 2 * kStepsPerPhase, custom));
  std::string exemplar;
  wal::RecordBuilder(wal::RecordType::kExemplars, &exemplar)
      .AddExemplar(1, kStartMs + 30 * kStepMs, 0.25, Labels({{"trace_id", "4bf92f3577b34da6"}}));
  TH_RETURN_IF_ERROR(Append(*writer, exemplar));
  std::string tombstone;
  wal::RecordBuilder(wal::RecordType::kTombstones, &tombstone)
      .Add(wal::TombstoneEntry{2, kStartMs, kStartMs + 100 * kStepMs});
  TH_RETURN_IF_ERROR(Append(*writer, tombstone));
  return writer->Close();
}

}  // namespace

int main(int argc, char** argv) {
  std::string out;
  wal::Compression compression = wal::Compression::kNone;
  bool custom = false;
  for (const std::string_view argument : std::vector<std::string_view>(argv + 1, argv + argc)) {
    if (argument.starts_with("--out=")) {
      out = argument.substr(6);
    } else if (argument == "--compression=snappy") {
      compression = wal::Compression::kSnappy;
    } else if (argument == "--compression=zstd") {
      compression = wal::Compression::kZstd;
    } else if (argument == "--custom-buckets") {
      custom = true;
    }
  }
  const base::Status status = MakeWal(out, compression, custom);
  if (!status.ok()) {
    std::cerr << status << "\n";
    return 1;
  }
  return 0;
}
