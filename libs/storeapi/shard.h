#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "labels/labels.h"
#include "storeapi/store.h"

namespace thanos::storeapi {

// Decides which series belong to the shard of a request: xxhash64 over name 0xff value 0xff of the labels
// that take part, modulo the number of shards. Not thread-safe (keeps a buffer).
class ShardMatcher {
 public:
  explicit ShardMatcher(const ShardInfo& shard);
  // False: every series belongs.
  bool active() const { return active_; }
  // `labels` are those that will be sent: with external labels, without replica labels.
  bool Matches(labels::LabelSpan labels);

 private:
  bool active_;
  bool by_;
  uint64_t index_;
  uint64_t total_;
  std::vector<std::string> names_;
  std::string buffer_;
};

}  // namespace thanos::storeapi
