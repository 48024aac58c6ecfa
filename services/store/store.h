#pragma once

#include "app/service.h"
#include "services/store/flags.h"

namespace thanos::services {

// Builds everything and serves until stopped; the exit code.
int RunStore(app::Service& service, const StoreFlags& flags);

}  // namespace thanos::services
