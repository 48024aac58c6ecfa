#pragma once

// Private: gRPC's own log lines in our format.

namespace thanos::rpc {

// Once per process; later calls do nothing. Before the first gRPC object.
void UseOurLogForGrpc();

}  // namespace thanos::rpc
