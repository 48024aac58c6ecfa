#include "storeapi/shard.h"

#include <algorithm>

#include "base/hash.h"

namespace thanos::storeapi {

ShardMatcher::ShardMatcher(const ShardInfo& shard)
    : active_(shard.total_shards >= 1),
      by_(shard.by),
      index_(static_cast<uint64_t>(shard.shard_index)),
      total_(static_cast<uint64_t>(std::max<int64_t>(shard.total_shards, 1))),
      names_(shard.labels) {
  std::sort(names_.begin(), names_.end());
}

bool ShardMatcher::Matches(labels::LabelSpan labels) {
  if (!active_) {
    return true;
  }
  constexpr char kSeparator = '\xff';
  buffer_.clear();
  for (const labels::LabelView& label : labels) {
    if (std::binary_search(names_.begin(), names_.end(), label.name, std::less<>()) == by_) {
      buffer_.append(label.name);
      buffer_.push_back(kSeparator);
      buffer_.append(label.value);
      buffer_.push_back(kSeparator);
    }
  }
  return base::XxHash64(buffer_) % total_ == index_;
}

}  // namespace thanos::storeapi
