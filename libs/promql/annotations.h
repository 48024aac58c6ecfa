#pragma once

// Warnings and infos of one query, with Prometheus' texts.

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

#include "base/strings.h"

namespace thanos::promql {

// No place in the query's text.
inline constexpr int kNoPosition = -1;

// Keeps each text once, in the order of first appearance, with the position of its last one. Positions are
// byte offsets into the query's text. Texts that do not begin with "PromQL" come from the series source. Not
// thread-safe: shards have their own and are merged.
class Annotations {
 public:
  // What a query returns.
  struct Texts {
    std::vector<std::string> warnings;
    std::vector<std::string> infos;
  };

  void Add(std::string text, int position = kNoPosition);
  void Merge(const Annotations& other);
  bool empty() const { return entries_.empty(); }
  // At most ten warnings and ten infos of the engine; one more text of each kind says how many are left out.
  // With `separate_infos` infos are apart and positions in `query` are appended, as Prometheus does; without,
  // all are warnings without position, as Thanos has it.
  Texts Render(std::string_view query, bool separate_infos) const;

  void InvalidQuantile(double quantile, int position = kNoPosition);
  void InvalidRatio(double ratio, double capped_to, int position = kNoPosition);
  void BadBucketLabel(std::string_view metric_name, std::string_view le, int position = kNoPosition);
  void PossibleNonCounter(std::string_view metric_name, int position = kNoPosition);
  // Where labels tell the type: `type` is the value of __type__.
  void PossibleNonCounterType(std::string_view metric_name, std::string_view type,
                              int position = kNoPosition);
  void ForcedMonotonicity(std::string_view metric_name, int position = kNoPosition);

 private:
  struct Entry {
    std::string text;
    int position = kNoPosition;
  };

  std::vector<Entry> entries_;
  base::StringMap<size_t> index_;
};

// Go's %g: shortest round-trip digits, exponent form below 1e-4 and from 1e6 on (what %v prints).
std::string FormatGeneral(double value);
// Go's 'f' with shortest precision: plain decimal at any magnitude.
std::string FormatPlain(double value);

}  // namespace thanos::promql
