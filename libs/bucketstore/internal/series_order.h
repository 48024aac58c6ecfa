#pragma once

// The order of series after external labels were merged in.
//
// Adding the same labels to sorted series keeps their order with one exception: when A is a prefix of B and
// B's next label name is smaller than an added name X, then A < B before but B < A afterwards (X meets the
// smaller name). All series with prefix A follow A directly, so it is enough to hold A back until a series
// comes that ends this run. At most as many series are held as a series has labels.
//
// Not handled: added names that occur in the stored labels, and stored labels that are dropped. Those need a
// sort.

#include <string_view>
#include <vector>

#include "index/postings.h"
#include "index/series_decoder.h"
#include "labels/labels.h"
#include "series/series_set.h"

namespace thanos::bucketstore::internal {

// Not thread-safe.
class SeriesOrder {
 public:
  // `last_external_name` is the largest added name, empty when nothing is added; it must outlive this.
  explicit SeriesOrder(std::string_view last_external_name) : last_external_name_(last_external_name) {}

  // Takes the next series in stored order: its reference, stored labels as ids and as strings, and what is to
  // be sent. Appends to `ready` the series that are now in their final place.
  void Push(index::SeriesRef ref, const std::vector<index::SymbolPair>& ids, labels::LabelSpan stored,
            const series::Series& series, std::vector<series::Series>* ready);
  // The stream ended: appends what is held.
  void Flush(std::vector<series::Series>* ready);
  // Forgets the held series and returns their references in stored order; they are to be pushed again first.
  std::vector<index::SeriesRef> TakeHeld();

 private:
  struct Held {
    index::SeriesRef ref = 0;
    std::vector<index::SymbolPair> ids;
    series::Series series;
  };
  const std::string_view last_external_name_;
  // Each is a prefix of the one above it. Elements beyond depth_ keep their memory for reuse.
  std::vector<Held> stack_;
  size_t depth_ = 0;
};

}  // namespace thanos::bucketstore::internal
