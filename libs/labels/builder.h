#pragma once

// Deriving label sets from label sets.

#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/bytes.h"
#include "labels/labels.h"

namespace thanos::labels {

// Edits one label set at a time; Reset makes it ready for the next. Not thread-safe.
class LabelBuilder {
 public:
  LabelBuilder() = default;
  // The views of `labels` are borrowed until the next Reset; `labels` must be sorted and unique.
  explicit LabelBuilder(LabelSpan labels) { Reset(labels); }
  void Reset(LabelSpan labels);

  // Copies both. An empty value deletes the label.
  LabelBuilder& Set(std::string_view name, std::string_view value);
  LabelBuilder& Delete(std::string_view name);
  // Deletes every label whose name is not in `names`.
  LabelBuilder& Keep(std::span<const std::string_view> names);

  std::string_view Get(std::string_view name) const { return labels::Get(labels_, name); }
  // The current set; valid until the next change.
  LabelSpan span() const { return labels_; }
  Labels Build() const { return Labels(span()); }
  // Copies array and bytes.
  LabelSpan BuildTo(base::Arena& arena) const { return CopyTo(arena, span()); }

 private:
  std::vector<LabelView>::iterator Find(std::string_view name);
  std::vector<LabelView> labels_;
  base::Arena arena_{512};
};

// Union of two sorted sets; `external` wins where both have a name. Only the array is allocated in `arena`:
// names and values stay borrowed from both. Returns `labels` itself when `external` is empty.
LabelSpan MergeExternal(base::Arena& arena, LabelSpan labels, LabelSpan external);

// `labels` without those in `names`. Returns `labels` itself when none is there; else a new array in `arena`.
LabelSpan Without(base::Arena& arena, LabelSpan labels, std::span<const std::string> names);

}  // namespace thanos::labels
