// Runs the compactor's work on single blocks, for integration tests and benchmarks:
//
//   merge_blocks generate --out=DIR [--series=N] [--blocks=N] [--block-hours=N] [--interval=SECONDS]
//                         [--start=UNIX_SECONDS] [--offset=MILLISECONDS] [--seed=N]
//       blocks that follow each other, half of their series counters; another offset gives a replica of the
//       same seed
//   merge_blocks merge --out=DIR [--function=none|one-to-one|penalty] [--threads=N] BLOCK...
//   merge_blocks downsample --out=DIR --resolution=300000|3600000 [--threads=N] BLOCK
//   merge_blocks repair --out=DIR BLOCK
//   merge_blocks verify BLOCK...
//
// Results get the Thanos section of the (first) input. Prints a line of JSON for each result: what was done,
// CPU seconds, wall seconds, and the peak of all and of anonymous resident memory in bytes.

#include <algorithm>
#include <atomic>
#include <chrono>
#include <cmath>
#include <cstdio>
#include <fstream>
#include <map>
#include <memory>
#include <random>
#include <set>
#include <string>
#include <sys/resource.h>
#include <sys/stat.h>
#include <thread>
#include <vector>

#include "base/status.h"
#include "base/strings.h"
#include "block/writer.h"
#include "chunkenc/appender.h"
#include "compact/block_merger.h"
#include "downsample/downsample.h"
#include "labels/labels.h"
#include "model/ulid.h"

namespace thanos::testdata {
namespace {

struct Arguments {
  std::string command;
  std::map<std::string, std::string> options;
  std::vector<std::string> blocks;

  std::string Text(const std::string& name, const std::string& otherwise) const {
    const auto found = options.find(name);
    return found == options.end() ? otherwise : found->second;
  }
  int64_t Number(const std::string& name, int64_t otherwise) const {
    const auto found = options.find(name);
    return found == options.end() ? otherwise : base::ParseInt64(found->second).value_or(otherwise);
  }
};

int64_t ResidentBytes(const std::string& field) {
  std::ifstream status("/proc/self/status");
  for (std::string line; std::getline(status, line);) {
    if (line.starts_with(field + ":")) {
      return std::stoll(line.substr(field.size() + 1)) * 1024;
    }
  }
  return 0;
}

// Samples memory every few milliseconds while it lives.
class Measurement {
 public:
  Measurement() : sampler_([this] { Sample(); }) {}
  ~Measurement() {
    stop_ = true;
    sampler_.join();
  }

  void Print(const std::string& what) {
    rusage usage{};
    getrusage(RUSAGE_SELF, &usage);
    const auto seconds = [](const timeval& t) {
      return static_cast<double>(t.tv_sec) + static_cast<double>(t.tv_usec) * 1e-6;
    };
    const double wall = std::chrono::duration<double>(std::chrono::steady_clock::now() - begin_).count();
    std::printf(
        "{%s,\"cpu_seconds\":%.3f,\"system_seconds\":%.3f,\"wall_seconds\":%.3f,\"peak_rss\":%lld,"
        "\"peak_anonymous\":%lld}\n",
        what.c_str(), seconds(usage.ru_utime) + seconds(usage.ru_stime), seconds(usage.ru_stime), wall,
        static_cast<long long>(ResidentBytes("VmHWM")), static_cast<long long>(peak_anonymous_.load()));
  }

 private:
  void Sample() {
    while (!stop_) {
      peak_anonymous_ = std::max<int64_t>(peak_anonymous_, ResidentBytes("RssAnon"));
      std::this_thread::sleep_for(std::chrono::milliseconds(5));
    }
  }
  const std::chrono::steady_clock::time_point begin_ = std::chrono::steady_clock::now();
  std::atomic<bool> stop_ = false;
  std::atomic<int64_t> peak_anonymous_ = 0;
  std::thread sampler_;
};

std::string Stats(const block::Meta& meta) {
  return base::Concat("\"ulid\":\"", meta.ulid.ToString(), "\",\"samples\":", meta.stats.num_samples,
                      ",\"series\":", meta.stats.num_series, ",\"chunks\":", meta.stats.num_chunks);
}

std::vector<labels::Labels> LabelSets(int64_t num_series) {
  std::vector<labels::Labels> sets;
  for (int64_t i = 0; i < num_series; ++i) {
    const std::string number = std::to_string(i);
    const std::string instance = std::to_string(i / 200);
    const bool counter = i % 2 == 0;
    sets.emplace_back(
        labels::Labels({{"__name__", base::Concat(counter ? "requests_" : "level_", std::to_string(i % 100),
                                                  counter ? "_total" : "")},
                        {"handler", base::Concat("/path/", std::to_string(i / 100 % 2))},
                        {"instance", base::Concat("10.0.0.", instance, ":9100")},
                        {"job", base::Concat("job-", std::to_string(i / 200 % 20))},
                        {"pod", base::Concat("pod-", instance, "-", std::to_string(i / 20000))},
                        {"zone", base::Concat("zone-", std::to_string(i / 200 % 3))}}));
  }
  std::sort(sets.begin(), sets.end());
  return sets;
}

base::Status GenerateBlock(const Arguments& arguments, const std::vector<labels::Labels>& sets,
                           int64_t number) {
  const int64_t block_ms = arguments.Number("block-hours", 2) * 3'600'000;
  const int64_t interval_ms = arguments.Number("interval", 30) * 1000;
  const int64_t begin_ms = arguments.Number("start", 1'700'006'400) * 1000 + number * block_ms;
  const int64_t offset_ms = arguments.Number("offset", 0);
  const auto ulid = model::Ulid::FromParts(begin_ms, static_cast<uint64_t>(offset_ms),
                                           static_cast<uint64_t>(arguments.Number("seed", 1)));
  TH_ASSIGN_OR_RETURN(const auto writer, block::BlockWriter::Create(arguments.Text("out", ""), ulid));
  std::set<std::string, std::less<>> symbols = {""};
  for (const labels::Labels& set : sets) {
    for (const labels::LabelView& label : set) {
      symbols.emplace(label.name);
      symbols.emplace(label.value);
    }
  }
  for (const std::string& symbol : symbols) {
    TH_RETURN_IF_ERROR(writer->AddSymbol(symbol));
  }
  chunkenc::XorAppender appender;
  uint64_t index = 0;
  for (const labels::Labels& set : sets) {
    std::mt19937_64 random(static_cast<uint64_t>(arguments.Number("seed", 1)) * 1'000'003 + index++);
    const int64_t phase_ms = static_cast<int64_t>(random() % static_cast<uint64_t>(interval_ms));
    const bool counter = set.span()[0].value.starts_with("requests");
    double value = static_cast<double>(counter ? number * 100'000 : 500);
    std::vector<std::string> bytes;
    std::vector<block::ChunkToWrite> chunks;
    const int64_t first_ms = (phase_ms + offset_ms) % interval_ms;
    for (int64_t t = first_ms, count = 0; t < block_ms; t += interval_ms, ++count) {
      const uint64_t dice = random();
      // Scrapes are late by a few milliseconds now and then.
      const int64_t jitter = dice % 4 == 0 ? static_cast<int64_t>((dice >> 8) % 5) : 0;
      value += counter ? static_cast<double>((dice >> 16) % 20) : static_cast<double>((dice >> 16) % 7) - 3;
      if (count % 120 == 0) {
        chunks.push_back({begin_ms + t + jitter, 0, chunkenc::Encoding::kXor, {}});
      }
      chunks.back().max_time_ms = begin_ms + std::min(t + jitter, block_ms - 1);
      appender.Append(chunks.back().max_time_ms, value);
      if (count % 120 == 119) {
        appender.FinishTo(&bytes.emplace_back());
      }
    }
    if (appender.num_samples() > 0) {
      appender.FinishTo(&bytes.emplace_back());
    }
    for (size_t i = 0; i < chunks.size(); ++i) {
      chunks[i].data = bytes[i];
    }
    TH_RETURN_IF_ERROR(writer->AddSeries(set, chunks));
  }
  block::Meta meta;
  meta.min_time_ms = begin_ms;
  meta.max_time_ms = begin_ms + block_ms;
  meta.compaction.level = 1;
  meta.compaction.sources = {ulid};
  if (arguments.Text("thanos", "1") == "1") {
    meta.thanos.emplace();
    meta.thanos->labels = labels::Labels({{"cluster", "x"}});
    meta.thanos->source = block::kSourceSidecar;
  }
  TH_ASSIGN_OR_RETURN(const block::Meta written, writer->Finish(std::move(meta)));
  std::printf("{%s}\n", Stats(written).c_str());
  return base::OkStatus();
}

base::Status Generate(const Arguments& arguments) {
  const auto sets = LabelSets(arguments.Number("series", 1000));
  for (int64_t number = 0; number < arguments.Number("blocks", 4); ++number) {
    TH_RETURN_IF_ERROR(GenerateBlock(arguments, sets, number));
  }
  return base::OkStatus();
}

// The name of a result depends on the inputs only, so that runs can be compared byte by byte.
model::Ulid ResultUlid(const Arguments& arguments) {
  return model::Ulid::FromParts(arguments.Number("ulid-time", 1'700'000'000'000), 7, 7);
}

base::Status MergeCommand(const Arguments& arguments, concurrency::ThreadPool* pool) {
  Measurement measurement;
  compact::MergeOptions options;
  const std::string function = arguments.Text("function", "none");
  options.function = function == "penalty"      ? compact::MergeFunction::kPenalty
                     : function == "one-to-one" ? compact::MergeFunction::kOneToOne
                                                : compact::MergeFunction::kNone;
  options.ulid = ResultUlid(arguments);
  options.pool = pool;
  TH_ASSIGN_OR_RETURN(const block::Meta first, block::ReadMetaFile(arguments.blocks.front()));
  options.thanos = first.thanos;
  if (options.thanos) {
    options.thanos->source = block::kSourceCompactor;
  }
  TH_ASSIGN_OR_RETURN(const compact::MergeResult result,
                      compact::MergeBlocks({}, arguments.blocks, arguments.Text("out", ""), options));
  measurement.Print(base::Concat(Stats(result.meta), ",\"empty\":", result.empty ? "true" : "false",
                                 ",\"copied_chunks\":", result.num_copied_chunks,
                                 ",\"recoded_chunks\":", result.num_recoded_chunks));
  return base::OkStatus();
}

base::Status DownsampleCommand(const Arguments& arguments, concurrency::ThreadPool* pool) {
  Measurement measurement;
  TH_ASSIGN_OR_RETURN(
      const downsample::DownsampleResult result,
      downsample::DownsampleBlock({}, arguments.blocks.front(), arguments.Number("resolution", 300'000),
                                  arguments.Text("out", ""), {.ulid = ResultUlid(arguments), .pool = pool}));
  measurement.Print(base::Concat(Stats(result.meta), ",\"empty\":", result.empty ? "true" : "false"));
  return base::OkStatus();
}

base::Status RepairCommand(const Arguments& arguments) {
  Measurement measurement;
  TH_ASSIGN_OR_RETURN(const compact::RepairResult result,
                      compact::RepairBlock({}, arguments.blocks.front(), arguments.Text("out", ""),
                                           {.ulid = ResultUlid(arguments),
                                            .source = std::string(block::kSourceCompactorRepair)}));
  measurement.Print(base::Concat(Stats(result.meta), ",\"dropped_duplicates\":", result.dropped_duplicates,
                                 ",\"dropped_outside\":", result.dropped_outside));
  return base::OkStatus();
}

base::Status VerifyCommand(const Arguments& arguments, concurrency::ThreadPool* pool) {
  for (const std::string& directory : arguments.blocks) {
    Measurement measurement;
    TH_ASSIGN_OR_RETURN(const compact::BlockHealth health,
                        compact::VerifyBlock({}, directory, {.pool = pool}));
    TH_RETURN_IF_ERROR(health.Any());
    measurement.Print(base::Concat("\"samples\":", health.num_samples, ",\"series\":", health.num_series,
                                   ",\"chunks\":", health.num_chunks));
  }
  return base::OkStatus();
}

base::Status Run(int argc, char** argv) {
  Arguments arguments;
  for (int i = 1; i < argc; ++i) {
    const std::string_view argument = argv[i];
    const size_t equals = argument.find('=');
    if (i == 1) {
      arguments.command = argument;
    } else if (argument.starts_with("--") && equals != std::string_view::npos) {
      arguments.options[std::string(argument.substr(2, equals - 2))] = argument.substr(equals + 1);
    } else {
      arguments.blocks.emplace_back(argument);
    }
  }
  std::unique_ptr<concurrency::ThreadPool> pool;
  if (const int64_t threads = arguments.Number("threads", 0); threads > 0) {
    pool = std::make_unique<concurrency::ThreadPool>("merge", static_cast<int>(threads));
  }
  if (const std::string out = arguments.Text("out", ""); !out.empty()) {
    mkdir(out.c_str(), 0755);  // existing is fine
  }
  if (arguments.command == "generate") {
    return Generate(arguments);
  }
  if (arguments.blocks.empty()) {
    return base::InvalidArgument("no command or no block");
  }
  if (arguments.command == "merge") {
    return MergeCommand(arguments, pool.get());
  }
  if (arguments.command == "downsample") {
    return DownsampleCommand(arguments, pool.get());
  }
  if (arguments.command == "repair") {
    return RepairCommand(arguments);
  }
  return arguments.command == "verify" ? VerifyCommand(arguments, pool.get())
                                       : base::InvalidArgument("unknown command ", arguments.command);
}

}  // namespace
}  // namespace thanos::testdata

int main(int argc, char** argv) {
  const thanos::base::Status status = thanos::testdata::Run(argc, argv);
  if (!status.ok()) {
    std::fprintf(stderr, "merge_blocks: %s\n", status.ToString().c_str());
    return 1;
  }
  return 0;
}
