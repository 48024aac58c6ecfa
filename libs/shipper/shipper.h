#pragma once

// Uploads finished blocks of a local TSDB to a bucket, each once.

#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "base/cancel.h"
#include "base/clock.h"
#include "base/status.h"
#include "block/meta.h"
#include "concurrency/thread_pool.h"
#include "labels/labels.h"
#include "objstore/bucket.h"
#include "telemetry/metrics.h"

namespace thanos::shipper {

struct ShipperOptions {
  std::string data_directory;
  std::string source = std::string(block::kSourceSidecar);
  // Labels of the blocks uploaded next; without any nothing is uploaded.
  std::function<labels::Labels()> external_labels;
  bool upload_compacted = false;            // also blocks above compaction level 1
  bool allow_out_of_order_uploads = false;  // go on with newer blocks after a failure
  bool skip_corrupted_blocks = false;       // step over blocks whose meta.json is unreadable
  bool hash_files = false;                  // SHA-256 of each file in meta.json
  std::string list_file_name = "thanos.shipper.json";
  int upload_concurrency = 0;  // files of a block at a time; 0 is one
};

// Sync is for one thread at a time and not for threads of `io_pool`.
class Shipper {
 public:
  // All references must outlive the shipper.
  Shipper(ShipperOptions options, objstore::Bucket& bucket, concurrency::ThreadPool& io_pool,
          const base::Clock& clock, telemetry::Registry& metrics);

  // One round: uploads what is not in the bucket yet, oldest first, and returns the number of blocks
  // uploaded. The first failure ends the round unless out-of-order uploads are allowed; what was done before
  // is remembered in either case. A block whose upload was interrupted is uploaded again; blocks visible in
  // the bucket are never touched.
  base::StatusOr<int> Sync(const base::CancelToken& cancel);

 private:
  struct Metrics {
    explicit Metrics(telemetry::Registry& registry);
    telemetry::Counter& syncs;
    telemetry::Counter& sync_failures;
    telemetry::Counter& uploads;
    telemetry::Counter& upload_failures;
    telemetry::Counter& corrupted_blocks;
    telemetry::Gauge& upload_compacted_done;
  };
  // Blocks of the bucket with our labels, for the overlap check of compacted blocks.
  using BucketMetas = std::optional<std::vector<block::Meta>>;

  base::StatusOr<std::vector<block::Meta>> LocalBlocks();
  base::StatusOr<int> Round(const base::CancelToken& cancel, const std::vector<model::Ulid>& known,
                            std::vector<model::Ulid>* uploaded);
  // True: the block was uploaded now. False: it is in the bucket already.
  base::StatusOr<bool> Ship(const base::CancelToken& cancel, const labels::Labels& external_labels,
                            BucketMetas* bucket_metas, block::Meta meta);
  base::Status CheckOverlap(const base::CancelToken& cancel, const labels::Labels& external_labels,
                            BucketMetas* bucket_metas, const block::Meta& meta);
  std::string UploadDirectory() const;

  const ShipperOptions options_;
  objstore::Bucket& bucket_;
  concurrency::ThreadPool& io_pool_;
  const base::Clock& clock_;
  Metrics metrics_;
};

}  // namespace thanos::shipper
