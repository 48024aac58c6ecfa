#pragma once

// What a proxy knows about the stores behind it.

#include <memory>
#include <string>
#include <vector>

#include "base/clock.h"
#include "base/status.h"
#include "labels/matcher.h"
#include "storeapi/store.h"

namespace thanos::fanout {

// One store to ask.
struct StoreRef {
  std::shared_ptr<storeapi::Store>
      store;                // shared with running calls, which may outlive its place in the list
  std::string name;         // the address; what store matchers see as __address__
  bool in_process = false;  // never satisfies a store matcher
  std::string component;    // sidecar, store, ...
  storeapi::StoreInfo info;
  // Not OK: known and lately healthy, failing now. It is not called, but a request it should have contributed
  // to gets this as a warning or error instead of a silent gap.
  base::Status health;
  // Added to each request, because some of the TSDBs behind this store are not to be asked.
  std::vector<labels::Matcher> selector_matchers = {};
  // Not zero: it failed its last check and is asked all the same, but not waited for longer than this.
  base::Duration patience = {};
};

using StoreList = std::vector<StoreRef>;

// Thread-safe.
class StoreProvider {
 public:
  virtual ~StoreProvider() = default;
  // The current list; never null, never changed afterwards.
  virtual std::shared_ptr<const StoreList> Stores() const = 0;
};

// A list that never changes, for tests and processes with stores of their own.
class FixedStores final : public StoreProvider {
 public:
  explicit FixedStores(StoreList stores) : stores_(std::make_shared<const StoreList>(std::move(stores))) {}
  std::shared_ptr<const StoreList> Stores() const override { return stores_; }

 private:
  const std::shared_ptr<const StoreList> stores_;
};

}  // namespace thanos::fanout
