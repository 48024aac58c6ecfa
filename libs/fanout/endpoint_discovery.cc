#include "fanout/endpoint_discovery.h"

#include <algorithm>
#include <utility>

#include "base/strings.h"

namespace thanos::fanout {
namespace {

constexpr base::Duration kLookupTimeout = std::chrono::seconds(10);
// Begins the names of groups.
const std::string kGroupScheme = "thanos:///";

std::string_view HostOf(std::string_view address) {
  return address.substr(0, address.rfind(':'));
}

// "::ffff:10.0.0.1": gRPC's lists of addresses are of one family.
std::string AsIpv6(const std::string& address) {
  return address.starts_with('[')
             ? address
             : base::Concat("[::ffff:", HostOf(address), "]", address.substr(address.rfind(':')));
}

// The URI of all `addresses` (host:port), which are IP addresses unless there is only a name left to gRPC.
std::string GroupTarget(const std::vector<std::string>& addresses) {
  if (addresses.empty()) {
    return "";
  }
  const auto is_ip = [](const std::string& address) {
    return address.starts_with('[') ||
           HostOf(address).find_first_not_of("0123456789.") == std::string_view::npos;
  };
  if (!std::ranges::all_of(addresses, is_ip)) {
    return "dns:///" + addresses.front();
  }
  const bool any_ipv6 =
      std::ranges::any_of(addresses, [](const std::string& a) { return a.starts_with('['); });
  std::vector<std::string> list = addresses;
  if (any_ipv6) {
    std::ranges::transform(list, list.begin(), &AsIpv6);
  }
  return base::Concat(any_ipv6 ? "ipv6:" : "ipv4:", base::Join(list, ","));
}

// What of the text of a group its servers' certificates are made out to.
std::string GroupAuthority(const std::string& address) {
  return address.substr(address.find('+') == std::string::npos ? 0 : address.find('+') + 1);
}

bool IsBlank(std::string_view text) {
  return base::Trim(text).empty();
}

base::Status ValidateSources(const EndpointSources& sources) {
  for (const auto* const addresses :
       {&sources.endpoints, &sources.endpoint_groups, &sources.strict_endpoint_groups}) {
    for (const std::string& address : *addresses) {
      TH_RETURN_IF_ERROR(discovery::ParseAddress(address).status());
    }
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
      group_provider_(resolver, metrics, "thanos_query_endpoint_groups_"),
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
  if (IsBlank(text) && !configured_.empty()) {
    return base::InvalidArgument("empty; no endpoints are written as `endpoints: []`");
  }
  TH_ASSIGN_OR_RETURN(configured_, discovery::ParseEndpointConfig(text));
  return base::OkStatus();
}

base::Status EndpointDiscovery::ReadAll() {
  base::MutexLock lock(mutex_);
  base::Status status = files_.Read();
  status.Update(base::Annotate(ReadConfig(), "endpoints configuration"));
  return status;
}

base::Status EndpointDiscovery::RefreshChangedFiles(const base::CancelToken& cancel) {
  {
    base::MutexLock lock(mutex_);
    std::string now = files_.Signature();
    if (sources_.read_config) {
      const base::StatusOr<std::string> text = sources_.read_config();
      now += text.ok() ? *text : std::string(base::Message(text.status()));
    }
    if (now == seen_files_) {
      return base::OkStatus();
    }
    seen_files_ = std::move(now);
  }
  return RefreshFiles(cancel);
}

base::Status EndpointDiscovery::RefreshFiles(const base::CancelToken& cancel) {
  base::Status status = ReadAll();
  status.Update(RefreshDns(cancel));
  return status;
}

base::Status EndpointDiscovery::ResolveGroups(const base::CancelToken& cancel,
                                              const std::vector<Group>& groups,
                                              std::vector<EndpointSpec>* specs) {
  std::vector<std::string> names;
  for (const Group& group : groups) {
    names.push_back(group.address);
  }
  const base::Status status = group_provider_.Resolve(cancel, names);
  for (const Group& group : groups) {
    specs->push_back({.address = kGroupScheme + group.address,
                      .strict = group.strict,
                      .group = true,
                      .target = GroupTarget(group_provider_.AddressesOf(group.address)),
                      .authority = GroupAuthority(group.address),
                      .service_config = group.service_config});
  }
  return status;
}

base::Status EndpointDiscovery::RefreshDns(const base::CancelToken& cancel) {
  const base::MutexLock refresh_lock(refresh_mutex_);
  std::vector<std::string> names = sources_.endpoints;
  std::vector<EndpointSpec> specs;
  std::vector<EndpointSpec> strict;
  std::vector<Group> groups;
  for (const std::string& address : sources_.endpoint_groups) {
    groups.push_back({.address = address});
  }
  for (const std::string& address : sources_.strict_endpoint_groups) {
    groups.push_back({.address = address, .strict = true});
  }
  {
    base::MutexLock lock(mutex_);
    const std::vector<std::string> targets = files_.Targets();
    names.insert(names.end(), targets.begin(), targets.end());
    for (const discovery::ConfiguredEndpoint& endpoint : configured_) {
      if (endpoint.group) {
        groups.push_back({.address = endpoint.address,
                          .strict = endpoint.strict,
                          .service_config = endpoint.service_config});
      } else if (endpoint.strict) {
        strict.push_back({.address = endpoint.address, .strict = true});
      } else {
        names.push_back(endpoint.address);
      }
    }
  }
  const base::CancelSource source(cancel, kLookupTimeout);
  base::Status status = provider_.Resolve(source.token(), names);
  status.Update(ResolveGroups(source.token(), groups, &specs));
  for (std::string& address : provider_.Addresses()) {
    specs.push_back({.address = std::move(address), .strict = false});
  }
  for (const std::string& address : sources_.strict_endpoints) {
    specs.push_back({.address = address, .strict = true});
  }
  specs.insert(specs.end(), strict.begin(), strict.end());
  set_.SetSpecs(std::move(specs));
  return status;
}

}  // namespace thanos::fanout
