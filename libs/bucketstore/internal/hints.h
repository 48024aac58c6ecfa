#pragma once

// Hints of requests and responses (package hintspb), packed in google.protobuf.Any.

#include <string>
#include <string_view>
#include <vector>

#include "base/status.h"
#include "block/meta.h"
#include "labels/matcher.h"

namespace thanos::bucketstore::internal {

// Conditions on blocks out of serialized SeriesRequestHints, LabelNamesRequestHints or
// LabelValuesRequestHints; none when `any` is empty. InvalidArgument: it cannot be parsed.
base::StatusOr<std::vector<labels::Matcher>> ParseBlockMatchers(std::string_view any);

// True when the block's external labels, with its ULID as __block_id, satisfy `matchers`.
bool MatchesBlock(const std::vector<labels::Matcher>& matchers, const block::Meta& meta);

// Serialized `message` ("LabelNamesResponseHints", ...) naming the queried blocks.
std::string QueriedBlocksHints(std::string_view message, const std::vector<std::string>& block_ids);

}  // namespace thanos::bucketstore::internal
