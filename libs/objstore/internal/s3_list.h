#pragma once

// Pages of a bucket's listing.

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/status.h"
#include "objstore/internal/sigv4.h"

namespace thanos::objstore::internal {

struct S3ListPage {
  std::vector<std::string> names;  // objects and directories, sorted, all below the prefix
  bool is_truncated = false;
  bool is_v1 = false;  // asked for version 2, but the page is of version 1, and so is `next`
  std::string next;    // where the next page begins; set when truncated
};

// The parameters of a page's request. `next` is empty for the first page.
struct S3ListRequest {
  bool v1 = false;
  std::string_view prefix;
  bool recursive = false;
  int64_t max_entries = 0;  // of the page
};
QueryParameters S3ListQuery(const S3ListRequest& request, std::string_view next);

// DataLoss for anything that could hide an object: damaged XML, missing elements, fewer entries than the page
// says it has, names that are not below `prefix`.
base::StatusOr<S3ListPage> ParseS3ListPage(bool v1, std::string_view prefix, std::string_view body);

}  // namespace thanos::objstore::internal
