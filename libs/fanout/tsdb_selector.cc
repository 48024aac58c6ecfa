#include "fanout/tsdb_selector.h"

#include <map>
#include <set>
#include <string>
#include <utility>

#include "base/strings.h"

namespace thanos::fanout {

std::string QuoteForRegex(std::string_view text) {
  constexpr std::string_view kSpecial = R"(\.+*?()|[]{}^$)";
  std::string out;
  for (const char c : text) {
    if (kSpecial.find(c) != std::string_view::npos) {
      out += '\\';
    }
    out += c;
  }
  return out;
}

std::vector<labels::Labels> KeptLabelSets(const std::vector<relabel::Rule>& rules,
                                          const std::vector<labels::Labels>& label_sets) {
  std::vector<labels::Labels> kept;
  for (const labels::Labels& label_set : label_sets) {
    labels::LabelBuilder builder(label_set);
    if (relabel::Process(rules, &builder)) {
      kept.push_back(label_set);
    }
  }
  return kept;
}

std::vector<labels::Matcher> MatchersOf(const std::vector<labels::Labels>& label_sets) {
  std::map<std::string, std::pair<size_t, std::set<std::string>>, std::less<>> values;
  for (const labels::Labels& label_set : label_sets) {
    for (const labels::LabelView& label : label_set) {
      auto& [count, texts] = values[std::string(label.name)];
      ++count;
      texts.insert(QuoteForRegex(label.value));
    }
  }
  std::vector<labels::Matcher> matchers;
  for (auto& [name, entry] : values) {
    auto& [count, texts] = entry;
    std::vector<std::string> alternatives(texts.begin(), texts.end());
    if (count < label_sets.size()) {
      alternatives.emplace_back("^$");
    }
    // Quoted values always compile; only an absurd number of them would not, and then nothing is excluded.
    auto matcher = labels::Matcher::Create(labels::MatchType::kRegexp, name, base::Join(alternatives, "|"));
    if (matcher.ok()) {
      matchers.push_back(*std::move(matcher));
    }
  }
  return matchers;
}

}  // namespace thanos::fanout
