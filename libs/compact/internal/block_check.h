#pragma once

// Is a downloaded block fit to be merged, is a written one fit to replace its sources?

#include <string>
#include <vector>

#include "base/cancel.h"
#include "base/status.h"
#include "block/meta.h"
#include "compact/block_merger.h"
#include "compact/grouping.h"
#include "compact/internal/failure.h"
#include "concurrency/thread_pool.h"

namespace thanos::compact::internal {

enum class Fitness : uint8_t {
  kFit,
  kDamaged,     // bytes are missing or changed; perhaps only in this copy
  kUnfit,       // written like that
  kOutOfOrder,  // out-of-order chunks
  kRepairable,  // RepairBlock makes it fit
};

struct BlockVerdict {
  Fitness fitness = Fitness::kFit;
  base::Status status;  // why it is not fit
};

// Thanos' order of questions.
BlockVerdict Judge(const BlockHealth& health, bool accept_malformed_index);

// Reads the written block completely and compares it with its inputs: no fewer and no more samples than
// merging explains. DataLoss otherwise. `copied`: chunks did not overlap, so all of them are in the result.
// `input_dirs` are read only when the statistics of `inputs` differ from the result.
base::Status CheckMerged(const base::CancelToken& cancel, const std::string& directory,
                         const MergeResult& result, const std::vector<MetaPtr>& inputs,
                         const std::vector<std::string>& input_dirs, bool copied,
                         concurrency::ThreadPool* pool);

}  // namespace thanos::compact::internal
