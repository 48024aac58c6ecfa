#pragma once

#include "app/service.h"
#include "services/querier/flags.h"

namespace thanos::services {

// Builds everything and serves until stopped; the exit code.
int RunQuerier(app::Service& service, const QuerierFlags& flags);

}  // namespace thanos::services
