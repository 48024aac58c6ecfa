#pragma once

// Streaming aggregation: series fold one by one into groups x steps of accumulators; partial folds of shards
// merge.

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "base/strings.h"
#include "promql/block.h"
#include "promql/histogram/fold.h"
#include "promql/scan.h"
#include "promql_parser/ast.h"

namespace thanos::promql {

// Which labels make a group. Names are sorted and unique.
struct Grouping {
  bool without = false;
  std::vector<std::string> names;

  static Grouping Of(const promql_parser::AggregateExpr& aggregate);
  // Appends a key that is equal for series of one group.
  void AppendKey(labels::LabelSpan labels, std::string& key) const;
  labels::Labels GroupLabels(labels::LabelSpan labels) const;
  bool Keeps(std::string_view name) const;
};

// Numbers groups in order of appearance.
class GroupTable {
 public:
  explicit GroupTable(const Grouping& grouping) : grouping_(grouping) {}
  // The group of a series, new or known.
  uint32_t Find(labels::LabelSpan labels);
  std::vector<labels::Labels>& group_labels() { return group_labels_; }
  size_t size() const { return group_labels_.size(); }

 private:
  const Grouping& grouping_;
  base::StringMap<uint32_t> groups_;
  std::vector<labels::Labels> group_labels_;
  std::string key_;
};

// Marks the series of `out`, one per group in the order in which the groups appear in `input`, whose group
// has a series with a name to drop.
void MarkDroppedNames(const Grouping& grouping, const Block& input, Block& out);

// True for the aggregations this file computes: sum avg min max count group stddev stdvar.
bool IsFoldable(promql_parser::AggregateOp op);

// Accumulators of one group, a column per quantity; which ones are used depends on the operation.
struct GroupState {
  std::vector<double>
      value;  // sum, extremum, count, sum of squared differences; absent before the first sample
  std::vector<double> compensation;           // sum, avg
  std::vector<double> count;                  // avg, stddev, stdvar
  std::vector<double> mean;                   // stddev, stdvar; avg after an overflow
  std::unique_ptr<HistogramFold> histograms;  // sum, avg; null until there is a native histogram
  std::vector<uint8_t> incremental;  // avg: which steps went over to a running mean; empty until one does
};

// The fold of one shard. Not thread-safe.
class GroupFold final : public SeriesSink {
 public:
  // `grouping` and `budget` must outlive the fold.
  GroupFold(promql_parser::AggregateOp op, const Grouping& grouping, size_t num_steps, SampleBudget& budget);

  base::Status Add(uint64_t position, labels::LabelSpan labels, std::span<const double> values,
                   std::span<const HistogramPtr> histograms) override;
  // Adds what `other` has folded, as if it came after this fold's series.
  base::Status Merge(GroupFold& other);
  // One series per group with a sample, in order of the group's first series. Ends the fold.
  base::StatusOr<Block> Finish();
  // Those met so far.
  const Annotations& annotations() const { return annotations_; }
  // Where the aggregated expression begins.
  void set_position(int position) { position_ = position; }

 private:
  base::Status AddHistograms(GroupState& state, labels::LabelSpan labels,
                             std::span<const HistogramPtr> histograms);
  base::StatusOr<uint32_t> FindGroup(labels::LabelSpan labels, uint64_t position);

  const promql_parser::AggregateOp op_;
  const size_t num_steps_;
  SampleBudget& budget_;
  GroupTable table_;
  std::vector<GroupState> states_;
  std::vector<uint64_t> first_positions_;
  SampleCharge charge_;
  int position_ = kNoPosition;
  bool histograms_seen_ = false;
  Annotations annotations_;
};

}  // namespace thanos::promql
