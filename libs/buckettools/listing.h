#pragma once

// `tools bucket ls`: one entry per block.

#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "base/status.h"
#include "block/meta.h"

namespace thanos::buckettools {

// How a block is written:
//   ""      its ULID
//   "wide"  ULID, times, duration, level, resolution, source in one line
//   "json"  its meta.json
//   else    a template: text with actions `{{ .Path }}` that name fields of the meta as Go programs know
//   them,
//           such as {{.ULID}}, {{.Stats.NumSeries}}, {{.Compaction.Level}}, {{.Thanos.Labels}},
//           {{.Thanos.Labels.cluster}} or {{index .Thanos.Labels "cluster"}}; other actions are
//           InvalidArgument
// Immutable, thread-safe.
class BlockFormat {
 public:
  static base::StatusOr<BlockFormat> Parse(std::string_view format);

  // With a newline at the end.
  std::string Format(const block::Meta& meta) const;

 private:
  enum class Kind { kUlid, kWide, kJson, kTemplate };
  using Part = std::function<std::string(const block::Meta&)>;

  Kind kind_ = Kind::kUlid;
  std::vector<Part> parts_;  // of a template
};

}  // namespace thanos::buckettools
