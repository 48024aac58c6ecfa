// Writes the generated HA pair as blocks, for integration tests and benchmarks:
//
//   <out>/prometheus-a/<ULID>  replica a, without external labels: data directory of the Prometheus behind a
//   sidecar <out>/bucket/<ULID>        replica b, with external labels {cluster="x", replica="b"} in the
//   Thanos section <out>/bucket-a/<ULID>      replica a in the same way <out>/reference/<ULID>     for a
//   reference Prometheus, with these as ordinary labels: replica a, replica b, and what
//                              de-duplication makes of both, once plain and once with counters lifted (label
//                              `reference`)
//
//   make_blocks --out=DIR [--start=UNIX_SECONDS] [--hours=N] [--series=N] [--seed=N] [--interval=SECONDS]
//               [--reference=0]

#include <cstdio>
#include <map>
#include <random>
#include <set>
#include <string>
#include <sys/stat.h>
#include <vector>

#include "base/status.h"
#include "base/strings.h"
#include "block/writer.h"
#include "chunkenc/appender.h"
#include "labels/builder.h"
#include "model/ulid.h"
#include "tests/data/dataset.h"

namespace thanos::testdata {
namespace {

constexpr int64_t kBlockMs = 2 * 3600 * 1000;

struct Arguments {
  std::string out;
  int64_t start_s = 1'700'006'400;
  int64_t hours = 8;
  int64_t series = 2000;
  int64_t seed = 1;
  int64_t interval_s = 30;
  int64_t reference = 1;
};

base::StatusOr<Arguments> ParseArguments(int argc, char** argv) {
  Arguments arguments;
  const std::map<std::string, int64_t*> numbers = {
      {"start", &arguments.start_s},       {"hours", &arguments.hours},
      {"series", &arguments.series},       {"seed", &arguments.seed},
      {"interval", &arguments.interval_s}, {"reference", &arguments.reference}};
  for (int i = 1; i < argc; ++i) {
    const std::string_view argument = argv[i];
    const size_t equals = argument.find('=');
    if (!argument.starts_with("--") || equals == std::string_view::npos) {
      return base::InvalidArgument("argument ", argument, ": want --name=value");
    }
    const std::string name(argument.substr(2, equals - 2));
    const std::string_view value = argument.substr(equals + 1);
    if (name == "out") {
      arguments.out = value;
    } else if (const auto number = numbers.find(name); number != numbers.end() && base::ParseInt64(value)) {
      *number->second = *base::ParseInt64(value);
    } else {
      return base::InvalidArgument("argument ", argument, ": unknown name or bad number");
    }
  }
  if (arguments.out.empty() || arguments.start_s % 7200 != 0) {
    return base::InvalidArgument("--out is missing or --start is not a multiple of two hours");
  }
  return arguments;
}

struct SeriesToWrite {
  labels::Labels labels;
  std::vector<ChunkOfSamples> chunks;
};

std::string Encode(const ChunkOfSamples& samples) {
  chunkenc::XorAppender appender;
  for (const Sample& sample : samples) {
    appender.Append(sample.timestamp_ms, sample.value);
  }
  return appender.Bytes();
}

// One block with the chunks of `all` that lie in [block_start_ms, block_start_ms + kBlockMs).
base::Status WriteBlock(const std::string& parent, const std::vector<SeriesToWrite>& all,
                        int64_t block_start_ms, const std::optional<block::ThanosSection>& thanos) {
  std::set<std::string_view> symbols = {""};
  for (const SeriesToWrite& series : all) {
    for (const labels::LabelView& label : series.labels) {
      symbols.insert(label.name);
      symbols.insert(label.value);
    }
  }
  static std::mt19937_64 random(20231114);
  const model::Ulid ulid = model::Ulid::FromParts(block_start_ms + kBlockMs, random(), random());
  TH_ASSIGN_OR_RETURN(const auto writer, block::BlockWriter::Create(parent, ulid));
  for (const std::string_view symbol : symbols) {
    TH_RETURN_IF_ERROR(writer->AddSymbol(symbol));
  }
  for (const SeriesToWrite& series : all) {
    std::vector<std::string> encoded;
    std::vector<block::ChunkToWrite> chunks;
    for (const ChunkOfSamples& chunk : series.chunks) {
      if (chunk.front().timestamp_ms / kBlockMs == block_start_ms / kBlockMs) {
        encoded.push_back(Encode(chunk));
        chunks.push_back(
            {chunk.front().timestamp_ms, chunk.back().timestamp_ms, chunkenc::Encoding::kXor, {}});
      }
    }
    for (size_t i = 0; i < chunks.size(); ++i) {
      chunks[i].data = encoded[i];
    }
    if (!chunks.empty()) {
      TH_RETURN_IF_ERROR(writer->AddSeries(series.labels, chunks));
    }
  }
  block::Meta meta;
  meta.min_time_ms = block_start_ms;
  meta.max_time_ms = block_start_ms + kBlockMs;
  meta.compaction.level = 1;
  meta.compaction.sources = {ulid};
  meta.thanos = thanos;
  return writer->Finish(std::move(meta)).status();
}

base::Status WriteBlocks(const Arguments& arguments, const std::string& directory,
                         std::vector<SeriesToWrite> all, const std::optional<block::ThanosSection>& thanos) {
  const std::string parent = base::Concat(arguments.out, "/", directory);
  mkdir(arguments.out.c_str(), 0750);
  mkdir(parent.c_str(), 0750);
  std::sort(all.begin(), all.end(), [](const auto& a, const auto& b) { return a.labels < b.labels; });
  for (int64_t hour = 0; hour < arguments.hours; hour += 2) {
    TH_RETURN_IF_ERROR(WriteBlock(parent, all, (arguments.start_s + hour * 3600) * 1000, thanos));
  }
  return base::OkStatus();
}

labels::Labels With(const labels::Labels& base, std::initializer_list<labels::LabelView> extra) {
  labels::LabelBuilder builder(base);
  for (const labels::LabelView& label : extra) {
    builder.Set(label.name, label.value);
  }
  return builder.Build();
}

base::Status Run(int argc, char** argv) {
  TH_ASSIGN_OR_RETURN(const Arguments arguments, ParseArguments(argc, argv));
  DatasetOptions options;
  options.seed = static_cast<uint64_t>(arguments.seed);
  options.num_series = static_cast<int>(arguments.series);
  options.start_ms = arguments.start_s * 1000;
  options.end_ms = options.start_ms + arguments.hours * 3'600'000;
  options.interval_ms = arguments.interval_s * 1000;

  std::vector<SeriesToWrite> a;
  std::vector<SeriesToWrite> b;
  std::vector<SeriesToWrite> reference;
  for (const GeneratedSeries& series : Generate(options)) {
    const auto chunks_a = CutIntoChunks(series.replicas[0]);
    const auto chunks_b = CutIntoChunks(series.replicas[1]);
    a.push_back({series.labels, chunks_a});
    b.push_back({series.labels, chunks_b});
    if (arguments.reference == 0) {
      continue;
    }
    reference.push_back({With(series.labels, {{"cluster", "x"}, {"replica", "a"}}), chunks_a});
    reference.push_back({With(series.labels, {{"cluster", "x"}, {"replica", "b"}}), chunks_b});
    for (const bool counter : {false, true}) {
      reference.push_back(
          {With(series.labels, {{"cluster", "x"}, {"reference", counter ? "counter" : "plain"}}),
           CutIntoChunks(PlainDeduplicate(series.replicas[0], series.replicas[1], counter))});
    }
  }
  block::ThanosSection thanos;
  thanos.source = block::kSourceSidecar;
  thanos.segment_files = {"000001"};
  thanos.labels = labels::Labels({{"cluster", "x"}, {"replica", "b"}});
  TH_RETURN_IF_ERROR(WriteBlocks(arguments, "bucket", std::move(b), thanos));
  thanos.labels = labels::Labels({{"cluster", "x"}, {"replica", "a"}});
  TH_RETURN_IF_ERROR(WriteBlocks(arguments, "bucket-a", a, thanos));
  TH_RETURN_IF_ERROR(WriteBlocks(arguments, "prometheus-a", std::move(a), std::nullopt));
  return arguments.reference == 0 ? base::OkStatus()
                                  : WriteBlocks(arguments, "reference", std::move(reference), std::nullopt);
}

}  // namespace
}  // namespace thanos::testdata

int main(int argc, char** argv) {
  const thanos::base::Status status = thanos::testdata::Run(argc, argv);
  if (!status.ok()) {
    const std::string text = thanos::base::Concat("make_blocks: ", thanos::base::Message(status), "\n");
    std::fputs(text.c_str(), stderr);
    return 1;
  }
  return 0;
}
