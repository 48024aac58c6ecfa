#include "promstore/block_durations.h"

#include <filesystem>

#include "model/units.h"

namespace thanos::promstore {
namespace {

constexpr std::string_view kMinFlag = "storage.tsdb.min-block-duration";
constexpr std::string_view kMaxFlag = "storage.tsdb.max-block-duration";
constexpr std::string_view kDelayFlag = "storage.tsdb.delay-compact-file.path";
constexpr int64_t kTwoHoursMs = 2 * 3600 * 1000;

base::StatusOr<int64_t> DurationFlag(const base::StringMap<std::string>& flags, std::string_view name) {
  const auto found = flags.find(name);
  if (found == flags.end()) {
    return base::DataLoss("Prometheus has no flag ", name);
  }
  const auto duration_ms = model::ParseDurationMs(found->second);
  return duration_ms.ok() ? duration_ms : base::Annotate(duration_ms.status(), "Prometheus flag ", name);
}

}  // namespace

base::Status CheckBlockDurations(const base::StringMap<std::string>& flags,
                                 std::string_view uploaded_list_path, std::string* warning) {
  const auto delay = flags.find(kDelayFlag);
  if (delay != flags.end() && !delay->second.empty() &&
      std::filesystem::path(delay->second).lexically_normal() ==
          std::filesystem::path(uploaded_list_path).lexically_normal()) {
    return base::OkStatus();
  }
  TH_ASSIGN_OR_RETURN(const int64_t min_ms, DurationFlag(flags, kMinFlag));
  TH_ASSIGN_OR_RETURN(const int64_t max_ms, DurationFlag(flags, kMaxFlag));
  if (min_ms != max_ms) {
    return base::FailedPrecondition("found that TSDB Max time is ", model::FormatDurationMs(max_ms),
                                    " and Min time is ", model::FormatDurationMs(min_ms),
                                    ". Compaction needs to be disabled (storage.tsdb.min-block-duration = "
                                    "storage.tsdb.max-block-duration)");
  }
  if (min_ms != kTwoHoursMs) {
    *warning = base::Concat("found that TSDB block time is not 2h. Only 2h block time is recommended.");
  }
  return base::OkStatus();
}

}  // namespace thanos::promstore
