#include "base/strings.h"
#include "compact/cleaner.h"
#include "config/units.h"
#include "downsample/downsample.h"
#include "model/time_range.h"

namespace thanos::compact {

bool IsExpired(const RetentionMs& retention, const block::Meta& meta, int64_t now_ms) {
  const auto kept_ms = retention.find(meta.resolution_ms());
  return kept_ms != retention.end() && kept_ms->second > 0 &&
         model::SaturatingAdd(meta.max_time_ms, kept_ms->second) < now_ms;
}

base::Status CheckRetention(const RetentionMs& retention, bool downsampling) {
  const auto too_short = [&](int64_t resolution_ms, int64_t min_ms) {
    const auto kept = retention.find(resolution_ms);
    return downsampling && kept != retention.end() && kept->second != 0 && kept->second < min_ms;
  };
  if (too_short(downsample::kResolutionRaw, downsample::kMinRange5m)) {
    return base::InvalidArgument(
        "raw resolution must be higher than the minimum block size after which 5m resolution downsampling "
        "will "
        "occur (40 hours)");
  }
  if (too_short(downsample::kResolution5m, downsample::kMinRange1h)) {
    return base::InvalidArgument(
        "5m resolution must be higher than the minimum block size after which 1h resolution downsampling "
        "will "
        "occur (10 days)");
  }
  return base::OkStatus();
}

base::Status MarkExpired(const base::CancelToken& cancel, const RetentionMs& retention,
                         const BucketView& view, int64_t now_ms, Marker& marker) {
  base::Status first_error;
  for (const auto& [ulid, meta] : view.blocks) {
    if (!IsExpired(retention, *meta, now_ms) || view.marks.deletion.contains(ulid)) {
      continue;
    }
    const std::string kept =
        config::FormatPromDuration(std::chrono::milliseconds(retention.find(meta->resolution_ms())->second));
    const base::Status status =
        marker.ForDeletion(cancel, ulid, base::Concat("block exceeding retention of ", kept));
    TH_RETURN_IF_ERROR(cancel.status());
    first_error = first_error.ok() ? base::Annotate(status, "retention") : first_error;
  }
  return first_error;
}

}  // namespace thanos::compact
