#include "promql/functions/label.h"

#include <algorithm>
#include <cctype>
#include <cmath>
#include <numeric>
#include <re2/re2.h>

#include "labels/builder.h"
#include "labels/matcher.h"

namespace thanos::promql {
namespace {

bool IsNameCharacter(char c) {
  return std::isalnum(static_cast<unsigned char>(c)) != 0 || c == '_';
}

// Go's Regexp.Expand: $name, ${name}, $1, $$; unknown names give nothing, a malformed reference stays as it
// is.
class Template {
 public:
  Template(const RE2& regex, std::string_view text) : names_(regex.NamedCapturingGroups()) {
    while (!text.empty()) {
      const size_t dollar = text.find('$');
      literal_.append(text.substr(0, dollar));
      if (dollar == std::string_view::npos) {
        break;
      }
      text.remove_prefix(dollar + 1);
      text.remove_prefix(ParseReference(text));
    }
    Flush();
  }

  std::string Expand(const std::vector<re2::StringPiece>& groups) const {
    std::string out;
    for (const Part& part : parts_) {
      out += part.literal;
      if (part.group >= 0 && static_cast<size_t>(part.group) < groups.size()) {
        out.append(groups[static_cast<size_t>(part.group)].data(),
                   groups[static_cast<size_t>(part.group)].size());
      }
    }
    return out;
  }

 private:
  struct Part {
    std::string literal;
    int group = -1;
  };

  // `text` follows a dollar sign. Returns how much of it belongs to the reference.
  size_t ParseReference(std::string_view text) {
    if (text.starts_with('$')) {
      literal_ += '$';
      return 1;
    }
    const bool braces = text.starts_with('{');
    const size_t begin = braces ? 1 : 0;
    size_t end = begin;
    while (end < text.size() && IsNameCharacter(text[end])) {
      ++end;
    }
    if (end == begin || (braces && (end == text.size() || text[end] != '}'))) {
      literal_ += '$';
      return 0;
    }
    const std::string name(text.substr(begin, end - begin));
    int group = -1;
    if (std::ranges::all_of(name, [](char c) { return c >= '0' && c <= '9'; })) {
      group = name.size() < 6 && (name.size() == 1 || name[0] != '0') ? std::stoi(name) : -1;
    } else if (const auto it = names_.find(name); it != names_.end()) {
      group = it->second;
    }
    parts_.push_back({std::exchange(literal_, ""), group});
    return braces ? end + 1 : end;
  }
  void Flush() {
    if (!literal_.empty()) {
      parts_.push_back({std::exchange(literal_, ""), -1});
    }
  }

  const std::map<std::string, int>& names_;
  std::string literal_;
  std::vector<Part> parts_;
};

bool IsValidLabelName(std::string_view name) {
  return !name.empty() && base::IsValidUtf8(name);
}

void SetLabel(Block& block, size_t series, const std::string& name, const std::string& value,
              labels::LabelBuilder& builder) {
  builder.Reset(block.labels[series]);
  builder.Set(name, value);
  block.labels[series] = builder.Build();
  // A name that was set on purpose stays.
  if (name == labels::kMetricName) {
    block.SetNameDropped(series, false);
  }
}

std::vector<uint32_t> Identity(size_t count) {
  std::vector<uint32_t> order(count);
  std::iota(order.begin(), order.end(), 0U);
  return order;
}

bool IsDigit(char c) {
  return c >= '0' && c <= '9';
}

}  // namespace

base::Status LabelReplace(Block& block, const std::string& destination, const std::string& replacement,
                          const std::string& source, const std::string& regex,
                          const base::CancelToken& cancel) {
  RE2::Options options;
  options.set_log_errors(false);
  options.set_dot_nl(true);
  if (labels::IsRegexTooCostly(regex)) {
    return base::FailedPrecondition("regular expression in label_replace() is too large");
  }
  const RE2 compiled("^(?s:" + regex + ")$", options);
  if (!compiled.ok()) {
    return base::FailedPrecondition("invalid regular expression in label_replace(): ", regex);
  }
  if (!IsValidLabelName(destination)) {
    return base::FailedPrecondition("invalid destination label name in label_replace(): ", destination);
  }
  const Template expansion(compiled, replacement);
  std::vector<re2::StringPiece> groups(static_cast<size_t>(compiled.NumberOfCapturingGroups()) + 1);
  labels::LabelBuilder builder;
  for (size_t series = 0; series < block.num_series(); ++series) {
    TH_RETURN_IF_ERROR(cancel.status());
    const std::string_view value = labels::Get(block.labels[series], source);
    if (compiled.Match(re2::StringPiece(value.data(), value.size()), 0, value.size(), RE2::ANCHOR_BOTH,
                       groups.data(), static_cast<int>(groups.size()))) {
      SetLabel(block, series, destination, expansion.Expand(groups), builder);
    }
  }
  return MergeEqualLabels(block);
}

base::Status LabelJoin(Block& block, const std::string& destination, const std::string& separator,
                       const std::vector<std::string>& sources) {
  for (const std::string& source : sources) {
    if (!IsValidLabelName(source)) {
      return base::FailedPrecondition("invalid source label name in label_join(): ", source);
    }
  }
  if (!IsValidLabelName(destination)) {
    return base::FailedPrecondition("invalid destination label name in label_join(): ", destination);
  }
  labels::LabelBuilder builder;
  std::string joined;
  for (size_t series = 0; series < block.num_series(); ++series) {
    const labels::Labels& labels = block.labels[series];
    joined.clear();
    for (size_t i = 0; i < sources.size(); ++i) {
      base::Append(joined, i == 0 ? "" : std::string_view(separator), labels::Get(labels, sources[i]));
    }
    SetLabel(block, series, destination, joined, builder);
  }
  return MergeEqualLabels(block);
}

Block SortByValue(Block block, bool descending) {
  std::vector<uint32_t> order = Identity(block.num_series());
  std::ranges::stable_sort(order, [&](uint32_t a, uint32_t b) {
    const double left = block.values[a];
    const double right = block.values[b];
    if (std::isnan(left) || std::isnan(right)) {
      return !std::isnan(left);
    }
    return descending ? left > right : left < right;
  });
  return SelectRows(std::move(block), order);
}

bool NaturalLess(std::string_view a, std::string_view b) {
  size_t i = 0;
  size_t j = 0;
  while (i < a.size() && j < b.size()) {
    if (!IsDigit(a[i]) || !IsDigit(b[j])) {
      if (a[i] != b[j]) {
        return static_cast<unsigned char>(a[i]) < static_cast<unsigned char>(b[j]);
      }
      ++i;
      ++j;
      continue;
    }
    const size_t a_begin = std::min(a.find_first_not_of('0', i), a.size());
    const size_t b_begin = std::min(b.find_first_not_of('0', j), b.size());
    size_t a_end = a_begin;
    size_t b_end = b_begin;
    while (a_end < a.size() && IsDigit(a[a_end])) {
      ++a_end;
    }
    while (b_end < b.size() && IsDigit(b[b_end])) {
      ++b_end;
    }
    if (a_end - a_begin != b_end - b_begin) {
      return a_end - a_begin < b_end - b_begin;
    }
    const int order = a.substr(a_begin, a_end - a_begin).compare(b.substr(b_begin, b_end - b_begin));
    if (order != 0) {
      return order < 0;
    }
    // Equal numbers: fewer leading zeros first.
    if (a_end - i != b_end - j) {
      return a_end - i < b_end - j;
    }
    i = a_end;
    j = b_end;
  }
  return a.size() - i < b.size() - j;
}

Block SortByLabel(Block block, const std::vector<std::string>& names, bool descending) {
  const auto less = [&](uint32_t a, uint32_t b) {
    for (const std::string& name : names) {
      const std::string_view left = labels::Get(block.labels[a], name);
      const std::string_view right = labels::Get(block.labels[b], name);
      if (left != right) {
        return NaturalLess(left, right);
      }
    }
    return labels::Compare(block.labels[a], block.labels[b]) < 0;
  };
  std::vector<uint32_t> order = Identity(block.num_series());
  std::ranges::stable_sort(order,
                           [&](uint32_t a, uint32_t b) { return descending ? less(b, a) : less(a, b); });
  return SelectRows(std::move(block), order);
}

labels::Labels AbsentLabels(const promql_parser::Expr& expr) {
  const promql_parser::Expr& inner = promql_parser::Unparen(expr);
  const auto* selector = inner.As<promql_parser::VectorSelector>();
  if (const auto* matrix = inner.As<promql_parser::MatrixSelector>()) {
    selector = matrix->selector.get();
  }
  labels::LabelBuilder builder;
  if (selector == nullptr) {
    return builder.Build();
  }
  base::StringSet seen;
  for (const labels::Matcher& matcher : selector->matchers) {
    if (matcher.name() == labels::kMetricName) {
      continue;
    }
    if (matcher.type() == labels::MatchType::kEqual && seen.insert(matcher.name()).second) {
      builder.Set(matcher.name(), matcher.value());
    } else {
      builder.Delete(matcher.name());
    }
  }
  return builder.Build();
}

}  // namespace thanos::promql
