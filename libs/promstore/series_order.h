#pragma once

// Final labels and final order of the series Prometheus streams.

#include <atomic>
#include <cstddef>
#include <memory>
#include <string>
#include <vector>

#include "base/status.h"
#include "labels/labels.h"
#include "promapi/remote_read.h"
#include "series/series_set.h"
#include "storeapi/shard.h"
#include "telemetry/metrics.h"

namespace thanos::promstore {

// How labels of Prometheus become labels of the store: external labels win, replica labels go.
class LabelRewriter {
 public:
  // `external_labels` are those of Prometheus, all of them.
  LabelRewriter(labels::Labels external_labels, std::vector<std::string> without);

  // The labels to send: `labels` itself when nothing changes, else an array in `arena` of views into `labels`
  // and this.
  labels::LabelSpan Rewrite(base::Arena& arena, labels::LabelSpan labels) const;
  // The labels Prometheus sorted by: without external labels, which remote read adds afterwards.
  labels::LabelSpan WithoutExternal(base::Arena& arena, labels::LabelSpan labels) const;
  // True when a stored series could have a label that Rewrite replaces or removes (`names` is sorted): then
  // the order of the sent labels is unrelated to Prometheus' order.
  bool TouchesAny(const std::vector<std::string>& names) const;

 private:
  std::vector<std::string> external_names_;
  std::vector<std::string> without_;
  labels::Labels sent_external_;  // without replica labels
};

// Options shared by both sets below.
struct OrderOptions {
  std::shared_ptr<const LabelRewriter> rewriter;
  storeapi::ShardInfo shard;
};

// Reads everything, then sorts. For input in any order.
std::unique_ptr<series::SeriesSet> SortAll(std::unique_ptr<series::SeriesSet> input, OrderOptions options);

// For input in the order of WithoutExternal(labels), none of whose own labels is touched by the rewriter.
// Adding the same labels to two sets changes their order only when one is a prefix of the other: {a} < {a,b}
// but {a,x} > {a,b,x}. So it is enough to hold back a series while those that follow begin with all its
// labels, and to sort each such group. If the promise is broken the stream ends with Aborted, and `*broken`
// is set so that later requests sort everything.
std::unique_ptr<series::SeriesSet> SortGroups(std::unique_ptr<series::SeriesSet> input, OrderOptions options,
                                              std::shared_ptr<std::atomic<bool>> broken);

}  // namespace thanos::promstore
