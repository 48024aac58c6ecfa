// Prints what a reader finds in a FILESYSTEM bucket, for tests of what must never be lost: one line per
// resolution with the number of series, of samples, their sum (of downsampled blocks: the sum of the counts)
// and a hash over every sample of every series; then one line per block in use. Exit code 1: a block in use
// is not whole, or a sample is there twice.
//
//   dump_bucket BUCKET_DIRECTORY SCRATCH_DIRECTORY

#include <bit>
#include <cstdio>
#include <string>

#include "base/hash.h"
#include "base/status.h"
#include "base/strings.h"
#include "compact/test_contents.h"
#include "objstore/factory.h"
#include "telemetry/metrics.h"

namespace thanos::testdata {
namespace {

base::Status Run(int argc, char** argv) {
  if (argc != 3) {
    return base::InvalidArgument("usage: dump_bucket BUCKET_DIRECTORY SCRATCH_DIRECTORY");
  }
  TH_ASSIGN_OR_RETURN(
      const auto bucket,
      objstore::FromConfig(
          base::Concat("type: FILESYSTEM\nconfig:\n  directory: ", std::string_view(argv[1]), "\n"),
          telemetry::NullRegistry()));
  block::MetaMap blocks;
  TH_ASSIGN_OR_RETURN(const compact::BucketContents contents,
                      compact::ReadContents(*bucket, argv[2], &blocks));
  for (const auto& [resolution_ms, by_series] : contents) {
    uint64_t num_samples = 0;
    double sum = 0;
    base::XxHash64Stream hash;
    for (const auto& [series, samples] : by_series) {
      hash.Update(series);
      for (const auto& [time_ms, bits] : samples) {
        hash.Update(base::Concat(time_ms, " ", bits, " "));
        ++num_samples;
        const double value = std::bit_cast<double>(bits);
        sum += value == value ? value : 0;
      }
    }
    std::printf("contents %lld %zu %llu %.17g %llx\n", static_cast<long long>(resolution_ms),
                by_series.size(), static_cast<unsigned long long>(num_samples), sum,
                static_cast<unsigned long long>(hash.Digest()));
  }
  for (const auto& [ulid, meta] : blocks) {
    std::printf("block %s %lld %lld %lld %d %s\n", ulid.ToString().c_str(),
                static_cast<long long>(meta->resolution_ms()), static_cast<long long>(meta->min_time_ms),
                static_cast<long long>(meta->max_time_ms), meta->compaction.level,
                labels::ToString(meta->external_labels()).c_str());
  }
  return base::OkStatus();
}

}  // namespace
}  // namespace thanos::testdata

int main(int argc, char** argv) {
  const thanos::base::Status status = thanos::testdata::Run(argc, argv);
  if (!status.ok()) {
    const std::string text = thanos::base::Concat("dump_bucket: ", thanos::base::Message(status), "\n");
    std::fputs(text.c_str(), stderr);
    return 1;
  }
  return 0;
}
