#pragma once

#include "app/service.h"
#include "services/compactor/flags.h"

namespace thanos::services {

// Runs the component until it is told to stop or, without --wait, its work is done; returns the exit code.
int RunCompactor(app::Service& service, const CompactorFlags& flags);

}  // namespace thanos::services
