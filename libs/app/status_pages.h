#pragma once

// Private: the handlers of /api/v1/status/*.

#include <cstdint>

#include "config/flags.h"
#include "net/http_server.h"

namespace thanos::app {

net::HttpResponse FlagsPage(const config::FlagSet& flags);
net::HttpResponse BuildInfoPage();
net::HttpResponse RuntimeInfoPage(int64_t start_time_ms);

// The text of --version.
std::string VersionText();

// RFC 3339 in UTC, whole seconds.
std::string FormatUtc(int64_t time_ms);

}  // namespace thanos::app
