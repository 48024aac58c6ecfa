#include "labels/builder.h"

#include <algorithm>

namespace thanos::labels {

void LabelBuilder::Reset(LabelSpan labels) {
  labels_.assign(labels.begin(), labels.end());
  arena_.Clear();
}

std::vector<LabelView>::iterator LabelBuilder::Find(std::string_view name) {
  return std::ranges::lower_bound(labels_, name, {}, &LabelView::name);
}

LabelBuilder& LabelBuilder::Set(std::string_view name, std::string_view value) {
  if (value.empty()) {
    return Delete(name);
  }
  const auto place = Find(name);
  if (place != labels_.end() && place->name == name) {
    place->value = arena_.Copy(value);
  } else {
    labels_.insert(place, {arena_.Copy(name), arena_.Copy(value)});
  }
  return *this;
}

LabelBuilder& LabelBuilder::Delete(std::string_view name) {
  const auto place = Find(name);
  if (place != labels_.end() && place->name == name) {
    labels_.erase(place);
  }
  return *this;
}

LabelBuilder& LabelBuilder::Keep(std::span<const std::string_view> names) {
  std::erase_if(labels_,
                [&](const LabelView& label) { return std::ranges::find(names, label.name) == names.end(); });
  return *this;
}

LabelSpan MergeExternal(base::Arena& arena, LabelSpan labels, LabelSpan external) {
  if (external.empty()) {
    return labels;
  }
  auto* array = arena.AllocateArray<LabelView>(labels.size() + external.size());
  LabelView* out = array;
  auto next = external.begin();
  for (const LabelView& label : labels) {
    while (next != external.end() && next->name < label.name) {
      *out++ = *next++;
    }
    if (next != external.end() && next->name == label.name) {
      continue;  // the external one is written by the loops around
    }
    *out++ = label;
  }
  out = std::copy(next, external.end(), out);
  return {array, static_cast<size_t>(out - array)};
}

LabelSpan Without(base::Arena& arena, LabelSpan labels, std::span<const std::string> names) {
  const auto dropped = [&](const LabelView& label) {
    return std::ranges::find(names, label.name) != names.end();
  };
  if (std::ranges::none_of(labels, dropped)) {
    return labels;
  }
  auto* array = arena.AllocateArray<LabelView>(labels.size());
  LabelView* end = std::remove_copy_if(labels.begin(), labels.end(), array, dropped);
  return {array, static_cast<size_t>(end - array)};
}

}  // namespace thanos::labels
