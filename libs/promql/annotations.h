#pragma once

// Warnings and infos of one query, with Prometheus' texts and without positions.

#include <string>
#include <string_view>
#include <vector>

#include "base/strings.h"

namespace thanos::promql {

// Keeps each text once, in the order of first appearance. Not thread-safe: shards have their own and are
// merged.
class Annotations {
 public:
  void Add(std::string text);
  void Merge(const Annotations& other);
  bool empty() const { return texts_.empty(); }
  const std::vector<std::string>& texts() const { return texts_; }

  void InvalidQuantile(double quantile);
  void InvalidRatio(double ratio, double capped_to);
  void BadBucketLabel(std::string_view metric_name, std::string_view le);
  void PossibleNonCounter(std::string_view metric_name);
  void ForcedMonotonicity(std::string_view metric_name);

 private:
  std::vector<std::string> texts_;
  base::StringSet seen_;
};

// Go's %g: shortest round-trip digits, exponent form below 1e-4 and from 1e6 on (what %v prints).
std::string FormatGeneral(double value);
// Go's 'f' with shortest precision: plain decimal at any magnitude.
std::string FormatPlain(double value);

}  // namespace thanos::promql
