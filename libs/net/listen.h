#pragma once

// Private: listening TCP sockets.

#include <string_view>

#include "base/status.h"

namespace thanos::net {

struct ListenSocket {
  int fd = -1;
  int port = 0;
};

// A non-blocking listening socket on host:port; an empty host is all addresses of both families, port 0 any
// free one. InvalidArgument for a malformed address, Unavailable when it cannot be bound.
base::StatusOr<ListenSocket> ListenOn(std::string_view address);

}  // namespace thanos::net
