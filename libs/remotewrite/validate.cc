#include "remotewrite/validate.h"

#include "base/strings.h"

namespace thanos::remotewrite {

namespace {

// Order, duplicates and emptiness.
LabelProblem ValidateNames(labels::LabelSpan labels) {
  if (labels.empty()) {
    return LabelProblem::kEmpty;
  }
  const labels::LabelView* previous = nullptr;
  for (const labels::LabelView& label : labels) {
    if (label.name.empty() || label.value.empty()) {
      return LabelProblem::kEmpty;
    }
    if (previous != nullptr) {
      const int order = label.name.compare(previous->name);
      if (order <= 0) {
        return order == 0 ? LabelProblem::kDuplicate : LabelProblem::kOutOfOrder;
      }
    }
    previous = &label;
  }
  return LabelProblem::kNone;
}

bool IsAscii(std::string_view text) {
  uint64_t all = 0;
  while (text.size() >= sizeof(all)) {
    uint64_t word;
    __builtin_memcpy(&word, text.data(), sizeof(word));
    all |= word;
    text.remove_prefix(sizeof(word));
  }
  for (const char byte : text) {
    all |= static_cast<unsigned char>(byte);
  }
  return (all & 0x8080808080808080U) == 0;
}

}  // namespace

LabelProblem Validate(labels::LabelSpan labels) {
  const LabelProblem problem = ValidateNames(labels);
  if (problem != LabelProblem::kNone) {
    return problem;
  }
  for (const labels::LabelView& label : labels) {
    if (!base::IsValidUtf8(label.name) || !base::IsValidUtf8(label.value)) {
      return LabelProblem::kInvalidUtf8;
    }
  }
  return LabelProblem::kNone;
}

LabelProblem Validate(const SeriesView& series) {
  // Nearly all labels are ASCII, which one pass over the block shows.
  return IsAscii(series.label_block) ? ValidateNames(series.labels)
                                     : Validate(labels::LabelSpan(series.labels));
}

std::string_view Describe(LabelProblem problem) {
  switch (problem) {
    case LabelProblem::kNone:
      return "";
    case LabelProblem::kEmpty:
      return "label set contains a label with empty name or value";
    case LabelProblem::kDuplicate:
      return "label set contains duplicate label names";
    case LabelProblem::kOutOfOrder:
      return "out of order labels";
    case LabelProblem::kInvalidUtf8:
      return "label set contains invalid UTF-8";
  }
  return "";
}

}  // namespace thanos::remotewrite
