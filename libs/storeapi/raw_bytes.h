#pragma once

// Between frames and gRPC's byte buffers, without copying where that is possible. Includes gRPC headers: for
// storeapi's own sources and tests only.

#include <grpcpp/support/byte_buffer.h>

#include "base/bytes.h"
#include "base/status.h"
#include "storeapi/series_codec.h"

namespace thanos::storeapi {

// Takes over the memory of `frame`.
grpc::ByteBuffer ToByteBuffer(Frame frame);
// The content in one piece; a message that arrived in several pieces is copied once.
base::StatusOr<base::SharedBytes> FromByteBuffer(const grpc::ByteBuffer& buffer);

}  // namespace thanos::storeapi
