#pragma once

// Label sets: sorted by name (bytewise), names unique, values not empty. Two forms share one vocabulary:
// `LabelSpan` borrows, `Labels` owns. Order, equality and hash are those of Prometheus.

#include <compare>
#include <initializer_list>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <utility>

#include "base/bytes.h"

namespace thanos::labels {

inline constexpr std::string_view kMetricName = "__name__";

// One label; both views are borrowed.
struct LabelView {
  std::string_view name;
  std::string_view value;
  friend bool operator==(const LabelView&, const LabelView&) = default;
};

// A borrowed, sorted label set. Whoever returns one says who owns the bytes and the array.
using LabelSpan = std::span<const LabelView>;

// Bytewise comparison of names, then values, pair by pair; a proper prefix is smaller.
std::strong_ordering Compare(LabelSpan a, LabelSpan b);
bool Equal(LabelSpan a, LabelSpan b);
// xxhash64 over name 0xff value 0xff ... (the layout of Prometheus' slice labels and of Thanos).
uint64_t Hash(LabelSpan labels);
// The value of `name`; empty when there is none (Prometheus treats both alike).
std::string_view Get(LabelSpan labels, std::string_view name);
bool Has(LabelSpan labels, std::string_view name);
// True when sorted by name, names unique.
bool IsSorted(LabelSpan labels);
// {a="b", c="d"} as Prometheus prints it; `name{...}` is not used.
std::string ToString(LabelSpan labels);
// Copies array and bytes into `arena`.
LabelSpan CopyTo(base::Arena& arena, LabelSpan labels);

// Owns its labels in one allocation. Immutable, copyable, movable; views stay valid while this object (not a
// copy) lives, also across a move.
class Labels {
 public:
  Labels() = default;
  // `labels` must be sorted and unique.
  explicit Labels(LabelSpan labels);
  // Sorts; for tests and constants. Names must be unique.
  Labels(std::initializer_list<std::pair<std::string_view, std::string_view>> labels);
  Labels(const Labels& other) : Labels(other.span()) {}
  Labels& operator=(const Labels& other);
  Labels(Labels&& other) noexcept;
  Labels& operator=(Labels&& other) noexcept;
  ~Labels() = default;

  LabelSpan span() const;
  size_t size() const { return size_; }
  bool empty() const { return size_ == 0; }
  // A contiguous range of LabelView, which converts to LabelSpan implicitly.
  auto begin() const { return span().begin(); }
  auto end() const { return span().end(); }

  friend bool operator==(const Labels& a, const Labels& b) { return Equal(a, b); }
  friend std::strong_ordering operator<=>(const Labels& a, const Labels& b) { return Compare(a, b); }

 private:
  // The LabelView array, followed by the bytes it points into.
  std::unique_ptr<char[]> data_;
  size_t size_ = 0;
};

}  // namespace thanos::labels
