#pragma once

#include "app/service.h"
#include "services/sidecar/flags.h"

namespace thanos::sidecar {

// Builds everything and serves until stopped; the exit code.
int Run(app::Service& service, const SidecarFlags& flags);

}  // namespace thanos::sidecar
