#pragma once

// Private: who asks, as it travels in the metadata of calls.

#include <algorithm>
#include <grpcpp/grpcpp.h>
#include <string>
#include <string_view>

#include "base/status.h"
#include "base/strings.h"
#include "rpc/channel.h"
#include "storeapi/server.h"

namespace thanos::storeapi {

struct Caller {
  std::string tenant;
  std::string request_id;
};

// Metadata are printable ASCII; gRPC ends the process over anything else.
inline bool FitsMetadata(std::string_view text) {
  return std::ranges::all_of(text, [](char c) { return c >= 0x20 && c <= 0x7e; });
}

// To be asked before each call: without its tenant a call must not be made. InvalidArgument.
inline base::Status CheckTenant(const std::string& tenant) {
  return FitsMetadata(tenant) ? base::OkStatus()
                              : base::InvalidArgument("tenant ", base::Quote(tenant),
                                                      " cannot be sent to endpoints: it is not ASCII");
}

// Empty values are left out, and so is a request id that does not fit.
inline void AddCallerMetadata(grpc::ClientContext& context, const std::string& tenant,
                              const std::string& request_id) {
  if (!tenant.empty() && FitsMetadata(tenant)) {
    context.AddMetadata(std::string(kTenantMetadataKey), tenant);
  }
  if (!request_id.empty() && FitsMetadata(request_id)) {
    context.AddMetadata(std::string(rpc::kRequestIdMetadataKey), request_id);
  }
}

// kDefaultTenant when the client names none.
inline Caller CallerOf(const grpc::CallbackServerContext& context) {
  const auto& metadata = context.client_metadata();
  const auto value = [&metadata](std::string_view key) {
    const auto found = metadata.find(grpc::string_ref(key.data(), key.size()));
    return found == metadata.end() ? std::string() : std::string(found->second.data(), found->second.size());
  };
  Caller caller{.tenant = value(kTenantMetadataKey), .request_id = value(rpc::kRequestIdMetadataKey)};
  if (caller.tenant.empty()) {
    caller.tenant = kDefaultTenant;
  }
  return caller;
}

}  // namespace thanos::storeapi
