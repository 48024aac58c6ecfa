#pragma once

// /api/v1/blocks: what a component knows about the blocks of its bucket, as JSON, and marking them.

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "base/clock.h"
#include "base/mutex.h"
#include "base/status.h"
#include "block/filters.h"
#include "net/http_server.h"
#include "objstore/bucket.h"

namespace thanos::block {

struct BlocksApiOptions {
  std::string label{};  // the external label by which pages group blocks
  bool disable_admin_operations = false;
  bool cors = true;
};

// Thread-safe. Must outlive the server its routes are added to.
class BlocksApi {
 public:
  // References must outlive this.
  BlocksApi(BlocksApiOptions options, objstore::Bucket& bucket, const base::Clock& clock)
      : options_(std::move(options)), bucket_(bucket), clock_(clock) {}

  // The outcome of a refresh of one of the two views: every block of the bucket, and those in use here. With
  // an error the blocks of the refresh before stay.
  void SetGlobal(const MetaMap& metas, const base::Status& error) { Set(metas, error, &global_); }
  void SetLoaded(const MetaMap& metas, const base::Status& error) { Set(metas, error, &loaded_); }

  // GET /api/v1/blocks, POST /api/v1/blocks/mark and OPTIONS /api/v1/*, all below `prefix`.
  std::vector<net::HttpServer::Route> Routes(const std::string& prefix = "");

 private:
  struct View {
    std::vector<std::shared_ptr<const Meta>> blocks;
    int64_t refreshed_at_ms = 0;  // 0: never
    std::string error;
  };

  void Set(const MetaMap& metas, const base::Status& error, View* view);
  net::HttpResponse Blocks(const net::HttpRequest& request);
  net::HttpResponse Mark(const net::HttpRequest& request);
  base::Status MarkForDeletion(const base::CancelToken& cancel, const model::Ulid& id, std::string details);
  base::Status MarkForNoCompaction(const base::CancelToken& cancel, const model::Ulid& id,
                                   std::string details);
  // Leaves a mark alone that is there already, as Thanos does.
  base::Status Put(const base::CancelToken& cancel, const std::string& name, const std::string& content);

  const BlocksApiOptions options_;
  objstore::Bucket& bucket_;
  const base::Clock& clock_;
  base::Mutex mutex_;
  View global_ ABSL_GUARDED_BY(mutex_);
  View loaded_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace thanos::block
