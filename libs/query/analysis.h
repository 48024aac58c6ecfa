#pragma once

// How a query is evaluated, for users: the tree of its operators, and what each selection cost.

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "base/clock.h"
#include "base/mutex.h"
#include "promql/result.h"
#include "promql_parser/ast.h"
#include "storeapi/store.h"

namespace thanos::query {

// What the selections of one query read. Thread-safe.
class SelectionLog {
 public:
  struct Entry {
    std::string matchers;  // as labels::ToString writes them
    base::Duration duration{};
    int64_t series = 0;
    int64_t samples = 0;
  };
  void Add(Entry entry);
  std::vector<Entry> Take();

 private:
  base::Mutex mutex_;
  std::vector<Entry> entries_ ABSL_GUARDED_BY(mutex_);
};

// `store` with its series calls written to `log` when they end. Both must outlive the result.
std::unique_ptr<storeapi::Store> RecordSelections(storeapi::Store& store, SelectionLog& log);

// The JSON {"name","children"} of the operators that evaluate `expr`.
std::string EncodeExplanation(const promql_parser::Expr& expr);

// The same with executionTime, peakSamples and totalSamples where they are known: of selections, of operators
// above them as sums, and of the whole query. Zero values are left out.
std::string EncodeAnalysis(const promql_parser::Expr& expr, std::vector<SelectionLog::Entry> selections,
                           const promql::QueryStats& stats, base::Duration duration);

}  // namespace thanos::query
