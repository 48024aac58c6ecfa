#include "buckettools/tombstones.h"

#include <algorithm>
#include <fstream>

#include "base/bytes.h"
#include "base/strings.h"
#include "encoding/crc32c.h"
#include "encoding/varint.h"

namespace thanos::buckettools {
namespace {

constexpr uint32_t kMagic = 0x0130BA30;
constexpr char kVersion = 1;

}  // namespace

std::vector<block::BlockRewrite::Interval> JoinIntervals(
    std::vector<block::BlockRewrite::Interval> intervals) {
  std::ranges::sort(intervals, {}, &block::BlockRewrite::Interval::min_time_ms);
  std::vector<block::BlockRewrite::Interval> joined;
  for (const auto& interval : intervals) {
    if (!joined.empty() && interval.min_time_ms - 1 <= joined.back().max_time_ms) {
      joined.back().max_time_ms = std::max(joined.back().max_time_ms, interval.max_time_ms);
    } else {
      joined.push_back(interval);
    }
  }
  return joined;
}

base::Status WriteTombstones(const std::string& directory, const std::vector<SeriesTombstones>& tombstones) {
  std::string body;
  for (const SeriesTombstones& series : tombstones) {
    for (const auto& interval : series.deleted) {
      encoding::AppendUvarint(body, series.ref);
      encoding::AppendVarint(body, interval.min_time_ms);
      encoding::AppendVarint(body, interval.max_time_ms);
    }
  }
  std::string file;
  base::AppendBigEndian32(file, kMagic);
  file.push_back(kVersion);
  file += body;
  base::AppendBigEndian32(file, encoding::Crc32c(body));
  const std::string path = base::Concat(directory, "/", block::kTombstonesFileName);
  std::ofstream out(path, std::ios::binary | std::ios::trunc);
  out.write(file.data(), static_cast<std::streamsize>(file.size()));
  out.close();
  return out ? base::OkStatus() : base::Internal("writing ", path);
}

}  // namespace thanos::buckettools
