#include "storeapi/raw_bytes.h"

#include <grpcpp/support/slice.h>
#include <memory>
#include <utility>

#include "rpc/status.h"

namespace thanos::storeapi {

grpc::ByteBuffer ToByteBuffer(Frame frame) {
  const std::string_view bytes = frame.bytes();
  char* const memory = std::move(frame).Release().release();
  const grpc::Slice slice(
      const_cast<char*>(bytes.data()), bytes.size(), [](void* data) { delete[] static_cast<char*>(data); },
      memory);
  return grpc::ByteBuffer(&slice, 1);
}

base::StatusOr<base::SharedBytes> FromByteBuffer(const grpc::ByteBuffer& buffer) {
  // Shared with the batches that point into it. Small slices hold their bytes inside the object, so it must
  // not move.
  auto slice = std::make_shared<grpc::Slice>();
  if (!buffer.TrySingleSlice(slice.get()).ok()) {
    if (const grpc::Status status = buffer.DumpToSingleSlice(slice.get()); !status.ok()) {
      return base::Annotate(rpc::FromGrpc(status), "reading a message");
    }
  }
  const std::string_view bytes(reinterpret_cast<const char*>(slice->begin()), slice->size());
  return base::SharedBytes{bytes, std::move(slice)};
}

}  // namespace thanos::storeapi
