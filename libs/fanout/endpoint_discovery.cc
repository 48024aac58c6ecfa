#include "fanout/endpoint_discovery.h"

#include <utility>

namespace thanos::fanout {
namespace {

constexpr base::Duration kLookupTimeout = std::chrono::seconds(10);

// Groups are resolved by gRPC itself, which balances over all addresses behind the name.
std::string GroupTarget(const std::string& address) {
  return address.find(":///") == std::string::npos ? "dns:///" + address : address;
}

base::Status ValidateSources(const EndpointSources& sources) {
  for (const std::string& address : sources.endpoints) {
    TH_RETURN_IF_ERROR(discovery::ParseAddress(address).status());
  }
  for (const std::string& address : sources.strict_endpoints) {
    TH_RETURN_IF_ERROR(discovery::ParseAddress(address).status());
    if (discovery::IsDynamic(address)) {
      return base::InvalidArgument(address,
                                   " is a dynamically specified endpoint i.e. it uses SD and that is not "
                                   "permitted under strict mode. Use --endpoint for this");
    }
  }
  return base::OkStatus();
}

}  // namespace

EndpointDiscovery::EndpointDiscovery(EndpointSources sources, discovery::Resolver& resolver,
                                     telemetry::Registry& metrics, EndpointSet& set)
    : sources_(std::move(sources)),
      set_(set),
      provider_(resolver, metrics, "thanos_query_endpoints_"),
      files_(sources_.target_file_patterns) {}

base::StatusOr<std::unique_ptr<EndpointDiscovery>> EndpointDiscovery::Create(EndpointSources sources,
                                                                             discovery::Resolver& resolver,
                                                                             telemetry::Registry& metrics,
                                                                             EndpointSet& set) {
  TH_RETURN_IF_ERROR(ValidateSources(sources));
  std::unique_ptr<EndpointDiscovery> result(
      new EndpointDiscovery(std::move(sources), resolver, metrics, set));
  {
    base::MutexLock lock(result->mutex_);
    TH_RETURN_IF_ERROR(result->ReadConfig());
  }
  return result;
}

base::Status EndpointDiscovery::ReadConfig() {
  if (!sources_.read_config) {
    return base::OkStatus();
  }
  TH_ASSIGN_OR_RETURN(const std::string text, sources_.read_config());
  TH_ASSIGN_OR_RETURN(configured_, discovery::ParseEndpointConfig(text));
  return base::OkStatus();
}

base::Status EndpointDiscovery::ReadAll() {
  base::MutexLock lock(mutex_);
  base::Status status = files_.Read();
  status.Update(base::Annotate(ReadConfig(), "endpoints configuration"));
  return status;
}

base::Status EndpointDiscovery::RefreshFiles(const base::CancelToken& cancel) {
  base::Status status = ReadAll();
  status.Update(RefreshDns(cancel));
  return status;
}

base::Status EndpointDiscovery::RefreshDns(const base::CancelToken& cancel) {
  const base::MutexLock refresh_lock(refresh_mutex_);
  std::vector<std::string> names = sources_.endpoints;
  std::vector<EndpointSpec> specs;
  std::vector<EndpointSpec> strict;
  {
    base::MutexLock lock(mutex_);
    const std::vector<std::string> targets = files_.Targets();
    names.insert(names.end(), targets.begin(), targets.end());
    for (const discovery::ConfiguredEndpoint& endpoint : configured_) {
      if (endpoint.group) {
        specs.push_back({.address = GroupTarget(endpoint.address), .strict = endpoint.strict});
      } else if (endpoint.strict) {
        strict.push_back({.address = endpoint.address, .strict = true});
      } else {
        names.push_back(endpoint.address);
      }
    }
  }
  const base::CancelSource source(cancel, kLookupTimeout);
  const base::Status status = provider_.Resolve(source.token(), names);
  for (std::string& address : provider_.Addresses()) {
    specs.push_back({.address = std::move(address), .strict = false});
  }
  for (const std::string& address : sources_.endpoint_groups) {
    specs.push_back({.address = GroupTarget(address), .strict = false});
  }
  for (const std::string& address : sources_.strict_endpoint_groups) {
    specs.push_back({.address = GroupTarget(address), .strict = true});
  }
  for (const std::string& address : sources_.strict_endpoints) {
    specs.push_back({.address = address, .strict = true});
  }
  specs.insert(specs.end(), strict.begin(), strict.end());
  set_.SetSpecs(std::move(specs));
  return status;
}

}  // namespace thanos::fanout
