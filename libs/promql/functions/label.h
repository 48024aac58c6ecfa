#pragma once

// Functions that change or read labels, and the ones that order series.

#include <string>
#include <string_view>
#include <vector>

#include "base/cancel.h"
#include "base/status.h"
#include "promql/block.h"
#include "promql_parser/ast.h"

namespace thanos::promql {

// label_replace(v, destination, replacement, source, regex). FailedPrecondition: bad regex or label name, or
// two series that end up with equal labels have a sample at one step.
base::Status LabelReplace(Block& block, const std::string& destination, const std::string& replacement,
                          const std::string& source, const std::string& regex,
                          const base::CancelToken& cancel);
// label_join(v, destination, separator, sources...).
base::Status LabelJoin(Block& block, const std::string& destination, const std::string& separator,
                       const std::vector<std::string>& sources);

// sort(), sort_desc(): by the value of the only step, NaN last.
Block SortByValue(Block block, bool descending);
// sort_by_label(), sort_by_label_desc(): natural order of the named labels, then all labels.
Block SortByLabel(Block block, const std::vector<std::string>& names, bool descending);
// Digits in runs compare as numbers. True when `a` comes first.
bool NaturalLess(std::string_view a, std::string_view b);

// The labels absent(expr) and absent_over_time(expr) return: those of single equality matchers of a bare
// selector.
labels::Labels AbsentLabels(const promql_parser::Expr& expr);

}  // namespace thanos::promql
