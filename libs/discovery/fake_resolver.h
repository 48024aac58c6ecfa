#pragma once

// A resolver over prepared answers, for tests.

#include <map>
#include <string>
#include <vector>

#include "discovery/resolver.h"

namespace thanos::discovery {

// Set up before use; not thread-safe against changes.
class FakeResolver final : public Resolver {
 public:
  std::map<std::string, std::vector<std::string>> hosts;
  std::map<std::string, std::vector<SrvRecord>> services;

  base::StatusOr<std::vector<std::string>> LookupHost(const base::CancelToken&,
                                                      const std::string& host) override {
    const auto found = hosts.find(host);
    if (found == hosts.end()) {
      return base::NotFound("looking up ", host, ": no such host");
    }
    return found->second;
  }
  base::StatusOr<std::vector<SrvRecord>> LookupSrv(const base::CancelToken&,
                                                   const std::string& name) override {
    const auto found = services.find(name);
    if (found == services.end()) {
      return base::NotFound("looking up SRV ", name, ": no such host");
    }
    return found->second;
  }
};

}  // namespace thanos::discovery
