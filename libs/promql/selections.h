#pragma once

// The selections of one query: opened a few ahead of their use, so that sources work on them at the same
// time, and equal ones only once.

#include <cstdint>
#include <memory>
#include <unordered_map>
#include <vector>

#include "base/status.h"
#include "promql/plan.h"
#include "promql/series_source.h"

namespace thanos::promql {

class Selections;

// One pass over the series of a selector. The Selections it is from must outlive it.
class SelectionReader {
 public:
  ~SelectionReader();
  SelectionReader(const SelectionReader&) = delete;
  SelectionReader& operator=(const SelectionReader&) = delete;

  // The next batch; null at the end. One consumer.
  base::StatusOr<std::shared_ptr<const series::SeriesBatch>> Next(const base::CancelToken& cancel);
  // As SelectedSeries::Decode.
  base::Status Decode(const series::Series& series, int64_t min_ms, int64_t max_ms,
                      chunkenc::SampleColumns* out) const;

 private:
  friend class Selections;
  struct Shared;
  SelectionReader(std::shared_ptr<Shared> shared, size_t uses_left)
      : shared_(std::move(shared)), uses_left_(uses_left) {}

  std::shared_ptr<Shared> shared_;
  size_t uses_left_;  // readers that may come after this one
  size_t position_ = 0;
};

// Used by the query's own thread only. The plan and the source must outlive it.
class Selections {
 public:
  Selections(const Plan& plan, SeriesSource& source, base::CancelToken cancel);
  ~Selections();
  Selections(const Selections&) = delete;
  Selections& operator=(const Selections&) = delete;

  // The series of a selector of the plan. Its window may be wider than the selector's hints say.
  base::StatusOr<std::unique_ptr<SelectionReader>> Open(const promql_parser::VectorSelector& selector);
  // Those of a selection the plan does not know.
  base::StatusOr<std::unique_ptr<SelectionReader>> Open(const std::vector<labels::Matcher>& matchers,
                                                        const SelectHints& hints);

 private:
  // Selectors that read the same series.
  struct Group {
    const promql_parser::VectorSelector* selector = nullptr;  // the first of them
    SelectHints hints;                                        // cover all of them
    size_t uses_left = 0;
    std::shared_ptr<SelectionReader::Shared> shared;  // null before it is opened and after the last use
    base::Status failure;                             // of opening
    bool opened = false;
  };

  void OpenAhead(size_t group);

  SeriesSource& source_;
  const base::CancelToken cancel_;
  std::vector<Group> groups_;
  std::unordered_map<const promql_parser::VectorSelector*, size_t> group_of_;
};

}  // namespace thanos::promql
