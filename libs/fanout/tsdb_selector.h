#pragma once

// Which TSDBs behind an endpoint may be asked, chosen by relabel rules over their external labels.

#include <string>
#include <string_view>
#include <vector>

#include "labels/labels.h"
#include "labels/matcher.h"
#include "relabel/relabel.h"

namespace thanos::fanout {

// The label sets that `rules` keep, unchanged.
std::vector<labels::Labels> KeptLabelSets(const std::vector<relabel::Rule>& rules,
                                          const std::vector<labels::Labels>& label_sets);

// Matchers that every one of `label_sets` satisfies and that exclude others as well as one condition per
// label can: each label has one of the values it has in these sets, or none where a set lacks it.
std::vector<labels::Matcher> MatchersOf(const std::vector<labels::Labels>& label_sets);

// A regular expression that accepts exactly `text`.
std::string QuoteForRegex(std::string_view text);

}  // namespace thanos::fanout
