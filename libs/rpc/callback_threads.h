#pragma once

namespace thanos::rpc {

// Keeps gRPC's callback threads for the life of the process. gRPC ends them with the last channel or server
// that uses the callback API; when that is a channel released by a reaction, one of these threads is made to
// end itself, which aborts the process. Called by everything here that makes channels or servers.
// Thread-safe, cheap after the first call.
void KeepCallbackThreads();

}  // namespace thanos::rpc
