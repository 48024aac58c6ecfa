#include "labels/labels.h"

#include <algorithm>
#include <cstring>
#include <new>
#include <vector>

#include "base/check.h"
#include "base/hash.h"
#include "base/strings.h"

namespace thanos::labels {
namespace {

// Strings of one symbol table share their bytes, which is cheaper to see than to compare.
bool SameBytes(std::string_view a, std::string_view b) {
  return a.data() == b.data() && a.size() == b.size();
}

std::strong_ordering CompareText(std::string_view a, std::string_view b) {
  if (SameBytes(a, b)) {
    return std::strong_ordering::equal;
  }
  return a.compare(b) <=> 0;
}

char* CopyBytes(char* position, std::string_view text) {
  if (!text.empty()) {
    std::memcpy(position, text.data(), text.size());
  }
  return position + text.size();
}

size_t TextBytes(LabelSpan labels) {
  size_t num_bytes = 0;
  for (const LabelView& label : labels) {
    num_bytes += label.name.size() + label.value.size();
  }
  return num_bytes;
}

// Fills `array` with copies of `labels` whose bytes start at `bytes`.
void CopyInto(LabelView* array, char* bytes, LabelSpan labels) {
  for (const LabelView& label : labels) {
    char* name = bytes;
    char* value = CopyBytes(name, label.name);
    bytes = CopyBytes(value, label.value);
    new (array++) LabelView{{name, label.name.size()}, {value, label.value.size()}};
  }
}

// Sets are small and comparing lengths first is cheap, so a scan beats a binary search.
const LabelView* Find(LabelSpan labels, std::string_view name) {
  for (const LabelView& label : labels) {
    if (label.name == name) {
      return &label;
    }
  }
  return nullptr;
}

}  // namespace

std::strong_ordering Compare(LabelSpan a, LabelSpan b) {
  const size_t common = std::min(a.size(), b.size());
  for (size_t i = 0; i < common; ++i) {
    if (const auto order = CompareText(a[i].name, b[i].name); order != 0) {
      return order;
    }
    if (const auto order = CompareText(a[i].value, b[i].value); order != 0) {
      return order;
    }
  }
  return a.size() <=> b.size();
}

bool Equal(LabelSpan a, LabelSpan b) {
  return std::ranges::equal(a, b);
}

uint64_t Hash(LabelSpan labels) {
  char buffer[1024];
  const size_t num_bytes = TextBytes(labels) + 2 * labels.size();
  if (num_bytes <= sizeof(buffer)) {
    char* position = buffer;
    for (const LabelView& label : labels) {
      position = CopyBytes(position, label.name);
      *position++ = '\xff';
      position = CopyBytes(position, label.value);
      *position++ = '\xff';
    }
    return base::XxHash64({buffer, num_bytes});
  }
  base::XxHash64Stream stream;
  for (const LabelView& label : labels) {
    stream.Update(label.name);
    stream.Update("\xff");
    stream.Update(label.value);
    stream.Update("\xff");
  }
  return stream.Digest();
}

std::string_view Get(LabelSpan labels, std::string_view name) {
  const LabelView* label = Find(labels, name);
  return label == nullptr ? std::string_view() : label->value;
}

bool Has(LabelSpan labels, std::string_view name) {
  return Find(labels, name) != nullptr;
}

bool IsSorted(LabelSpan labels) {
  for (size_t i = 1; i < labels.size(); ++i) {
    if (labels[i - 1].name >= labels[i].name) {
      return false;
    }
  }
  return true;
}

std::string ToString(LabelSpan labels) {
  std::string out = "{";
  for (const LabelView& label : labels) {
    base::Append(out, out.size() > 1 ? std::string_view(", ") : std::string_view(), label.name, "=",
                 base::Quote(label.value));
  }
  out += '}';
  return out;
}

LabelSpan CopyTo(base::Arena& arena, LabelSpan labels) {
  if (labels.empty()) {
    return {};
  }
  auto* array = arena.AllocateArray<LabelView>(labels.size());
  CopyInto(array, arena.AllocateArray<char>(TextBytes(labels)), labels);
  return {array, labels.size()};
}

Labels::Labels(LabelSpan labels) : size_(labels.size()) {
  if (size_ == 0) {
    return;
  }
  TH_DCHECK(IsSorted(labels));
  const size_t array_bytes = size_ * sizeof(LabelView);
  data_ = std::make_unique_for_overwrite<char[]>(array_bytes + TextBytes(labels));
  CopyInto(reinterpret_cast<LabelView*>(data_.get()), data_.get() + array_bytes, labels);
}

Labels::Labels(std::initializer_list<std::pair<std::string_view, std::string_view>> labels) {
  std::vector<LabelView> sorted;
  sorted.reserve(labels.size());
  for (const auto& [name, value] : labels) {
    sorted.push_back({name, value});
  }
  std::ranges::sort(sorted, {}, &LabelView::name);
  TH_CHECK(IsSorted(sorted));
  *this = Labels(LabelSpan(sorted));
}

Labels& Labels::operator=(const Labels& other) {
  if (this != &other) {
    *this = Labels(other.span());
  }
  return *this;
}

Labels::Labels(Labels&& other) noexcept
    : data_(std::move(other.data_)), size_(std::exchange(other.size_, 0)) {}

Labels& Labels::operator=(Labels&& other) noexcept {
  data_ = std::move(other.data_);
  size_ = std::exchange(other.size_, 0);
  return *this;
}

LabelSpan Labels::span() const {
  if (size_ == 0) {
    return {};
  }
  return {std::launder(reinterpret_cast<const LabelView*>(data_.get())), size_};
}

}  // namespace thanos::labels
