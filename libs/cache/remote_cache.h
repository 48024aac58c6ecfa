#pragma once

#include <memory>
#include <string>

#include "base/clock.h"
#include "base/status.h"
#include "cache/cache.h"
#include "cache/remote_config.h"
#include "telemetry/metrics.h"

namespace thanos::cache {

// A Cache on Memcached or Redis servers. Values are stored in the background and may be dropped; each carries
// a checksum over key and value, and one that does not match is as good as absent. A server that fails is
// left alone for a while, so that a dead cache costs little time and never an answer.
//
// Keys have a prefix of their own: values written by Thanos, which have no checksum, and these never meet.
//
// `name` is the label of the metrics thanos_memcached_* or thanos_redis_*. `clock` and `metrics` must outlive
// the cache. InvalidArgument: the configuration or a file it names cannot be used.
base::StatusOr<std::unique_ptr<Cache>> MakeRemoteCache(std::string name, const RemoteConfig& config,
                                                       const base::Clock& clock,
                                                       telemetry::Registry& metrics);

}  // namespace thanos::cache
