#pragma once

// `tools bucket inspect`: blocks as a table.

#include <string>
#include <vector>

#include "base/status.h"
#include "buckettools/catalog.h"
#include "labels/labels.h"

namespace thanos::buckettools {

enum class TableFormat { kTable, kCsv, kTsv };

struct InspectOptions {
  labels::Labels selector{};  // only blocks with all of these external labels
  std::vector<std::string> sort_by = {"FROM", "UNTIL"};
  TableFormat format = TableFormat::kTable;
};

// The whole table, with the columns of Thanos. InvalidArgument: an unknown column to sort by.
base::StatusOr<std::string> InspectBlocks(const std::vector<MetaPtr>& metas, const InspectOptions& options);

// External labels as flags give them: `name="value"`. InvalidArgument: malformed, or no label name.
base::StatusOr<labels::Labels> ParseFlagLabels(const std::vector<std::string>& texts);

}  // namespace thanos::buckettools
