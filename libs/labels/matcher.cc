#include "labels/matcher.h"

#include <algorithm>
#include <re2/re2.h>

#include "base/check.h"
#include "base/strings.h"
#include "labels/internal/regex_shape.h"

namespace thanos::labels {
namespace {

// Bounds program and caches of one expression; a pattern that does not fit is refused.
constexpr int64_t kMaxRegexBytes = int64_t{8} << 20;
constexpr int kMaxPrefixBytes = 32;

re2::StringPiece Piece(std::string_view text) {
  return {text.data(), text.size()};
}

// All strings between two strings share the prefix these two share.
std::string EnginePrefix(const RE2& engine) {
  std::string low;
  std::string high;
  if (!engine.PossibleMatchRange(&low, &high, kMaxPrefixBytes)) {
    return {};
  }
  const auto end = std::ranges::mismatch(low, high).in1;
  return {low.begin(), end};
}

}  // namespace

// Also holds the value of kEqual and kNotEqual, so that set_values() and prefix() need no special case.
struct Matcher::Regex {
  internal::RegexShape shape;  // when `engine` is null
  std::unique_ptr<RE2> engine;
  bool finite = false;  // `shape.literals` is everything
  std::string prefix;

  bool Matches(std::string_view value) const {
    return engine == nullptr ? shape.Matches(value) : RE2::FullMatch(Piece(value), *engine);
  }

  static std::shared_ptr<const Regex> Literal(const std::string& value) {
    auto regex = std::make_shared<Regex>();
    regex->shape.literals = {value};
    regex->finite = true;
    regex->prefix = value;
    return regex;
  }

  static base::StatusOr<std::shared_ptr<const Regex>> Compile(const std::string& pattern) {
    if (!base::IsValidUtf8(pattern)) {
      return base::InvalidArgument("error parsing regexp: invalid UTF-8: ", base::Quote(pattern));
    }
    auto regex = std::make_shared<Regex>();
    if (auto shape = internal::RecogniseShape(pattern); shape) {
      regex->shape = *std::move(shape);
      regex->finite = regex->shape.globs.empty();
      regex->prefix = regex->shape.CommonPrefix();
      return regex;
    }
    if (IsRegexTooCostly(pattern)) {
      return base::InvalidArgument("error parsing regexp: expression is too large");
    }
    RE2::Options options;
    options.set_log_errors(false);
    options.set_never_capture(true);
    options.set_dot_nl(true);
    options.set_max_mem(kMaxRegexBytes);
    regex->engine = std::make_unique<RE2>(Piece(pattern), options);
    if (!regex->engine->ok()) {
      return base::InvalidArgument("error parsing regexp: ", regex->engine->error(), " in ",
                                   base::Quote(pattern));
    }
    regex->prefix = EnginePrefix(*regex->engine);
    return regex;
  }
};

bool IsRegexTooCostly(std::string_view pattern) {
  constexpr size_t kUnicodeClassCost = 4096;
  constexpr size_t kMaxCost = 2 << 20;
  size_t cost = pattern.size();
  for (size_t i = pattern.find('\\'); i < pattern.size(); i = pattern.find('\\', i + 2)) {
    const char escaped = i + 1 < pattern.size() ? pattern[i + 1] : '\0';
    cost += escaped == 'p' || escaped == 'P' ? kUnicodeClassCost : 0;
  }
  return cost > kMaxCost;
}

std::string_view ToString(MatchType type) {
  switch (type) {
    case MatchType::kEqual:
      return "=";
    case MatchType::kNotEqual:
      return "!=";
    case MatchType::kRegexp:
      return "=~";
    case MatchType::kNotRegexp:
      return "!~";
  }
  return "?";
}

Matcher::Matcher(MatchType type, std::string name, std::string value, std::shared_ptr<const Regex> regex)
    : type_(type), name_(std::move(name)), value_(std::move(value)), regex_(std::move(regex)) {
  matches_empty_ = Matches({});
}

base::StatusOr<Matcher> Matcher::Create(MatchType type, std::string name, std::string value) {
  if (type == MatchType::kEqual || type == MatchType::kNotEqual) {
    auto regex = Regex::Literal(value);
    return Matcher(type, std::move(name), std::move(value), std::move(regex));
  }
  if (type != MatchType::kRegexp && type != MatchType::kNotRegexp) {
    return base::InvalidArgument("unknown match type ", static_cast<int>(type), " for label ",
                                 base::Quote(name));
  }
  TH_ASSIGN_OR_RETURN(std::shared_ptr<const Regex> regex, Regex::Compile(value));
  return Matcher(type, std::move(name), std::move(value), std::move(regex));
}

Matcher Matcher::Equal(std::string name, std::string value) {
  auto regex = Regex::Literal(value);
  return Matcher(MatchType::kEqual, std::move(name), std::move(value), std::move(regex));
}

Matcher Matcher::NotEqual(std::string name, std::string value) {
  auto regex = Regex::Literal(value);
  return Matcher(MatchType::kNotEqual, std::move(name), std::move(value), std::move(regex));
}

int64_t Matcher::compiled_bytes() const {
  // An instruction, its places in the work lists, and what every expression has.
  constexpr int64_t kBytesPerInstruction = 64;
  constexpr int64_t kBytesPerExpression = 16 << 10;
  return regex_->engine == nullptr
             ? 0
             : kBytesPerExpression + kBytesPerInstruction * regex_->engine->ProgramSize();
}

bool Matcher::Matches(std::string_view value) const {
  switch (type_) {
    case MatchType::kEqual:
      return value == value_;
    case MatchType::kNotEqual:
      return value != value_;
    case MatchType::kRegexp:
      return regex_->Matches(value);
    case MatchType::kNotRegexp:
      return !regex_->Matches(value);
  }
  return false;
}

const std::vector<std::string>* Matcher::set_values() const {
  return regex_->finite ? &regex_->shape.literals : nullptr;
}

std::string_view Matcher::prefix() const {
  return regex_->prefix;
}

std::string Matcher::ToString() const {
  return base::Concat(name_, labels::ToString(type_), base::Quote(value_));
}

bool MatchesAll(const std::vector<Matcher>& matchers, LabelSpan labels) {
  return std::ranges::all_of(
      matchers, [&](const Matcher& matcher) { return matcher.Matches(Get(labels, matcher.name())); });
}

std::string ToString(const std::vector<Matcher>& matchers) {
  std::string out = "{";
  for (const Matcher& matcher : matchers) {
    base::Append(out, out.size() > 1 ? std::string_view(", ") : std::string_view(), matcher.ToString());
  }
  out += '}';
  return out;
}

}  // namespace thanos::labels
