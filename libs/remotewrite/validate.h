#pragma once

// What a label set must be before it becomes a series.

#include <cstdint>
#include <string_view>

#include "labels/labels.h"
#include "remotewrite/decode.h"

namespace thanos::remotewrite {

enum class LabelProblem : uint8_t {
  kNone,
  kEmpty,        // no labels, or an empty name or value
  kDuplicate,    // a name twice
  kOutOfOrder,   // names not ascending
  kInvalidUtf8,  // refused by Prometheus; Thanos stores it
};

// The first problem met from left to right, with the precedence of Thanos' receiver within one label; UTF-8
// is looked at only in label sets without another problem.
LabelProblem Validate(labels::LabelSpan labels);
// The same for the labels of `series`, faster.
LabelProblem Validate(const SeriesView& series);

// Thanos' text, as in the body of its 409.
std::string_view Describe(LabelProblem problem);

}  // namespace thanos::remotewrite
