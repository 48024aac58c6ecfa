#pragma once

// Matchers: one condition on one label. Regular expressions are RE2, fully anchored, `.` matches newline, as
// in Prometheus 3. Literals, alternations of literals and prefixes are recognised and matched without the
// regex engine.

#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/status.h"
#include "labels/labels.h"

namespace thanos::labels {

// Numbers are those of the wire (thanos.LabelMatcher.Type, prometheus.LabelMatcher.Type).
enum class MatchType { kEqual = 0, kNotEqual = 1, kRegexp = 2, kNotRegexp = 3 };

// "=", "!=", "=~", "!~".
std::string_view ToString(MatchType type);

// Immutable, cheap to copy (shares the compiled expression), thread-safe.
class Matcher {
 public:
  // InvalidArgument when a regular expression does not parse or is larger than the compiled-size limit.
  static base::StatusOr<Matcher> Create(MatchType type, std::string name, std::string value);
  // Never fails: kEqual or kNotEqual only.
  static Matcher Equal(std::string name, std::string value);
  static Matcher NotEqual(std::string name, std::string value);

  MatchType type() const { return type_; }
  const std::string& name() const { return name_; }
  const std::string& value() const { return value_; }

  // `value` is empty for an absent label.
  bool Matches(std::string_view value) const;
  bool MatchesEmpty() const { return matches_empty_; }

  // The finite set of values a positive form of this matcher accepts, when it is known without scanning
  // ("a|b|c", "a"). For kNotEqual and kNotRegexp: the set that is excluded. Null when unknown.
  const std::vector<std::string>* set_values() const;
  // A literal prefix every accepted (or, for negative types, excluded) value has; may be empty.
  std::string_view prefix() const;

  // What the compiled expression takes, roughly and at most; 0 when there is none.
  int64_t compiled_bytes() const;

  // name="value" as in PromQL; the value quoted.
  std::string ToString() const;
  friend bool operator==(const Matcher& a, const Matcher& b) {
    return a.type_ == b.type_ && a.name_ == b.name_ && a.value_ == b.value_;
  }

 private:
  struct Regex;
  Matcher(MatchType type, std::string name, std::string value, std::shared_ptr<const Regex> regex);

  MatchType type_;
  std::string name_;
  std::string value_;
  std::shared_ptr<const Regex> regex_;
  bool matches_empty_ = false;
};

// True when compiling the regular expression may take seconds and gigabytes: it is very long or has hundreds
// of Unicode classes, each of which stands for hundreds of ranges. Such ones are refused.
bool IsRegexTooCostly(std::string_view pattern);

// True when every matcher accepts the value of its label in `labels`.
bool MatchesAll(const std::vector<Matcher>& matchers, LabelSpan labels);

// {a="b", c=~"d"}.
std::string ToString(const std::vector<Matcher>& matchers);

}  // namespace thanos::labels
