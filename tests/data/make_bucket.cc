// Writes many small blocks with external labels into a directory that is a FILESYSTEM bucket:
//
//   make_bucket --out=DIR [--groups=N] [--blocks=N] [--series=N] [--interval=SECONDS] [--start=UNIX_SECONDS]
//               [--block-hours=N] [--replicas=N]
//
// Per group (external label cluster="c0", ...) and replica (label replica="r0", ... when there are several):
// `blocks` consecutive blocks from `start` with `series` series each: counters with resets, and gauges.

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
#include "labels/labels.h"
#include "model/ulid.h"

namespace thanos::testdata {
namespace {

struct Arguments {
  std::string out;
  int64_t groups = 1;
  int64_t blocks = 4;
  int64_t series = 10;
  int64_t interval_s = 60;
  int64_t start_s = 1'700'006'400;
  int64_t block_hours = 2;
  int64_t replicas = 1;
};

base::StatusOr<Arguments> ParseArguments(int argc, char** argv) {
  Arguments arguments;
  const std::map<std::string, int64_t*> numbers = {
      {"groups", &arguments.groups},    {"blocks", &arguments.blocks},
      {"series", &arguments.series},    {"interval", &arguments.interval_s},
      {"start", &arguments.start_s},    {"block-hours", &arguments.block_hours},
      {"replicas", &arguments.replicas}};
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
  if (arguments.out.empty() || arguments.interval_s <= 0 || arguments.block_hours <= 0) {
    return base::InvalidArgument("--out is missing, or a number is not positive");
  }
  return arguments;
}

// The samples of a series in [begin_ms, end_ms) in chunks of 120, a function of series and time alone.
std::vector<std::string> Encode(int64_t series, int64_t begin_ms, int64_t end_ms, int64_t step_ms,
                                std::vector<block::ChunkToWrite>* chunks) {
  std::vector<std::string> bytes;
  int64_t t_ms = begin_ms + series % step_ms;
  while (t_ms < end_ms) {
    chunkenc::XorAppender appender;
    const int64_t first_ms = t_ms;
    int64_t last_ms = t_ms;
    for (int i = 0; i < 120 && t_ms < end_ms; ++i, t_ms += step_ms) {
      const int64_t tick = t_ms / step_ms;
      const double counter = static_cast<double>(tick % 5000 * 3 + series);
      const double gauge = static_cast<double>((tick * 7919 + series * 104729) % 1000) / 8;
      appender.Append(t_ms, series % 2 == 0 ? counter : gauge);
      last_ms = t_ms;
    }
    bytes.push_back(appender.Bytes());
    chunks->push_back({first_ms, last_ms, chunkenc::Encoding::kXor, {}});
  }
  for (size_t i = 0; i < bytes.size(); ++i) {
    (*chunks)[i].data = bytes[i];
  }
  return bytes;
}

base::Status WriteBlock(const Arguments& arguments, const labels::Labels& external_labels, int64_t begin_ms,
                        std::mt19937_64& random) {
  const int64_t end_ms = begin_ms + arguments.block_hours * 3'600'000;
  const model::Ulid ulid = model::Ulid::FromParts(end_ms, random(), random());
  TH_ASSIGN_OR_RETURN(const auto writer, block::BlockWriter::Create(arguments.out, ulid));
  std::set<std::string> symbols = {"", "__name__", "value", "instance"};
  std::map<std::string, int64_t> instances;  // in label order
  for (int64_t series = 0; series < arguments.series; ++series) {
    instances[base::Concat("host-", series)] = series;
  }
  for (const auto& entry : instances) {
    symbols.insert(entry.first);
  }
  for (const std::string& symbol : symbols) {
    TH_RETURN_IF_ERROR(writer->AddSymbol(symbol));
  }
  for (const auto& [instance, series] : instances) {
    std::vector<block::ChunkToWrite> chunks;
    const auto bytes = Encode(series, begin_ms, end_ms, arguments.interval_s * 1000, &chunks);
    TH_RETURN_IF_ERROR(
        writer->AddSeries(labels::Labels({{"__name__", "value"}, {"instance", instance}}), chunks));
  }
  block::Meta meta;
  meta.min_time_ms = begin_ms;
  meta.max_time_ms = end_ms;
  meta.compaction.level = 1;
  meta.compaction.sources = {ulid};
  block::ThanosSection& thanos = meta.thanos.emplace();
  thanos.source = block::kSourceSidecar;
  thanos.segment_files = {"000001"};
  thanos.labels = external_labels;
  return writer->Finish(std::move(meta)).status();
}

base::Status Run(int argc, char** argv) {
  TH_ASSIGN_OR_RETURN(const Arguments arguments, ParseArguments(argc, argv));
  mkdir(arguments.out.c_str(), 0750);
  std::mt19937_64 random(20231114);
  for (int64_t group = 0; group < arguments.groups; ++group) {
    for (int64_t replica = 0; replica < arguments.replicas; ++replica) {
      const std::string cluster = base::Concat("c", group);
      const std::string replica_name = base::Concat("r", replica);
      const labels::Labels external_labels =
          arguments.replicas == 1 ? labels::Labels({{"cluster", cluster}})
                                  : labels::Labels({{"cluster", cluster}, {"replica", replica_name}});
      for (int64_t i = 0; i < arguments.blocks; ++i) {
        TH_RETURN_IF_ERROR(WriteBlock(arguments, external_labels,
                                      (arguments.start_s + i * arguments.block_hours * 3600) * 1000, random));
      }
    }
  }
  return base::OkStatus();
}

}  // namespace
}  // namespace thanos::testdata

int main(int argc, char** argv) {
  const thanos::base::Status status = thanos::testdata::Run(argc, argv);
  if (!status.ok()) {
    const std::string text = thanos::base::Concat("make_bucket: ", thanos::base::Message(status), "\n");
    std::fputs(text.c_str(), stderr);
    return 1;
  }
  return 0;
}
