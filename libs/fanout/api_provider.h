#pragma once

// What a fan-in knows about the other APIs of endpoints.

#include <memory>
#include <string>
#include <vector>

#include "base/status.h"
#include "labels/labels.h"
#include "storeapi/apis.h"
#include "storeapi/query_api.h"
#include "storeapi/server.h"

namespace thanos::fanout {

// One endpoint that announced at least one API besides the store.
struct ApiRef {
  std::shared_ptr<storeapi::EndpointApis> apis;  // shared with running calls
  std::string name;                              // the address
  storeapi::ServedApis served;
  std::vector<labels::Labels> label_sets;
  // Not OK: known and lately healthy, failing now. It is not called; its part of an answer is missing.
  base::Status health;
  // Evaluates queries there; null when it cannot be asked.
  std::shared_ptr<storeapi::QueryApi> query_api = nullptr;
  storeapi::StoreInfo store = {};
};

using ApiList = std::vector<ApiRef>;

}  // namespace thanos::fanout
