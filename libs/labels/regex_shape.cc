#include "labels/internal/regex_shape.h"

#include <algorithm>

namespace thanos::labels::internal {
namespace {

constexpr size_t kMaxProduct = 1024;          // results of one concatenation of alternatives
constexpr size_t kMaxAlternatives = 100'000;  // results of the whole expression
constexpr size_t kMaxGlobs = 64;
constexpr size_t kMaxBytes = size_t{16} << 20;  // of memory touched on the way
constexpr size_t kGlobBytes = 64;               // a glob or part without its literal, roughly
constexpr int kMaxDepth = 32;

using Globs = std::vector<Glob>;

// Everything that is not simply itself outside of classes. Braces and closing brackets are left to the
// engine.
bool IsMeta(char c) {
  return std::string_view("\\.+*?()|[]{}^$").find(c) != std::string_view::npos;
}
bool IsPunctuation(char c) {
  return (c >= '!' && c <= '/') || (c >= ':' && c <= '@') || (c >= '[' && c <= '`') || (c >= '{' && c <= '~');
}

// Recursive descent over the supported part of the syntax; any surprise means "not recognised".
class Parser {
 public:
  explicit Parser(std::string_view pattern) : pattern_(pattern) {}

  std::optional<Globs> Parse() {
    auto result = Alternation(0);
    return position_ == pattern_.size() ? std::move(result) : std::nullopt;
  }

 private:
  bool AtEnd() const { return position_ == pattern_.size(); }
  char Peek() const { return AtEnd() ? '\0' : pattern_[position_]; }
  bool Consume(std::string_view text) {
    if (!pattern_.substr(position_).starts_with(text)) {
      return false;
    }
    position_ += text.size();
    return true;
  }

  std::optional<Globs> Alternation(int depth) {
    Globs all;
    do {
      auto one = Sequence(depth);
      if (!one || all.size() + one->size() > kMaxAlternatives) {
        return std::nullopt;
      }
      std::move(one->begin(), one->end(), std::back_inserter(all));
    } while (Consume("|"));
    return all;
  }

  std::optional<Globs> Sequence(int depth) {
    Globs results(1);
    if (depth == 0) {
      Consume("^");  // the whole value is matched anyway
    }
    while (!AtEnd() && Peek() != '|' && Peek() != ')') {
      if (depth == 0 && Peek() == '$' &&
          (position_ + 1 == pattern_.size() || pattern_[position_ + 1] == '|')) {
        ++position_;
        break;
      }
      if (!Atom(depth, &results)) {
        return std::nullopt;
      }
    }
    return results;
  }

  // Appends the next atom to every result.
  bool Atom(int depth, Globs* results) {
    const char c = Peek();
    if (c == '.') {
      return GapAtom(results);
    }
    if (c == '(') {
      return Group(depth, results);
    }
    if (c == '[') {
      return Class(results);
    }
    return LiteralRun(results);
  }

  // A quantifier after the atom that was just read makes it something else than a literal.
  bool NoQuantifier() const {
    return std::string_view("*+?{").find(Peek()) == std::string_view::npos || AtEnd();
  }

  bool GapAtom(Globs* results) {
    Glob::Gap gap;
    if (Consume(".*")) {
      gap = Glob::Gap::kAny;
    } else if (Consume(".+")) {
      gap = Glob::Gap::kSome;
    } else {
      return false;
    }
    Consume("?");  // lazy: the same values match
    return NoQuantifier() && std::ranges::all_of(*results, [&](Glob& glob) { return AddGap(&glob, gap); });
  }

  static bool AddGap(Glob* glob, Glob::Gap gap) {
    if (glob->end == Glob::Gap::kSome && gap == Glob::Gap::kSome) {
      return false;  // at least two characters: bytes cannot tell
    }
    glob->end = std::max(glob->end, gap);
    return true;
  }

  static void AddLiteral(Glob* glob, std::string_view text) {
    if (text.empty()) {
      return;
    }
    if (glob->end == Glob::Gap::kNone && !glob->parts.empty()) {
      glob->parts.back().literal += text;
      return;
    }
    glob->parts.push_back({glob->end, std::string(text)});
    glob->end = Glob::Gap::kNone;
  }

  bool LiteralRun(Globs* results) {
    std::string run;
    while (!AtEnd()) {
      const size_t before = position_;
      char c = Peek();
      if (c == '\\') {
        if (position_ + 1 == pattern_.size() || !IsPunctuation(pattern_[position_ + 1])) {
          return false;
        }
        c = pattern_[position_ + 1];
        position_ += 2;
      } else if (IsMeta(c)) {
        break;
      } else {
        ++position_;
      }
      if (!NoQuantifier()) {
        position_ = before;
        return false;
      }
      run += c;
    }
    if (run.empty() || !Spend(results->size() * (run.size() + kGlobBytes))) {
      return false;  // a metacharacter that is not supported here, or too large
    }
    for (Glob& glob : *results) {
      AddLiteral(&glob, run);
    }
    return true;
  }

  bool Group(int depth, Globs* results) {
    if (depth >= kMaxDepth ||
        (!Consume("(?:") && (pattern_.substr(position_).starts_with("(?") || !Consume("(")))) {
      return false;
    }
    const auto inner = Alternation(depth + 1);
    if (!inner || !Consume(")") || !NoQuantifier()) {
      return false;
    }
    return Multiply(*inner, results);
  }

  // [abc] and [a-c] of ASCII letters, digits and harmless punctuation.
  bool Class(Globs* results) {
    const size_t end = pattern_.find(']', position_);
    if (end == std::string_view::npos) {
      return false;
    }
    const std::string_view members = pattern_.substr(position_ + 1, end - position_ - 1);
    const auto simple = [](char c) {
      return (c > ' ' && c < '\x7f') && std::string_view("\\[]^-&~|").find(c) == std::string_view::npos;
    };
    Globs choices;
    for (size_t i = 0; i < members.size(); ++i) {
      const char first = members[i];
      const bool range = i + 2 < members.size() && members[i + 1] == '-';
      const char last = range ? members[i + 2] : first;
      if (!simple(first) || !simple(last) || last < first) {
        return false;
      }
      for (char c = first; c <= last; ++c) {  // ASCII, so it does not overflow
        AddLiteral(&choices.emplace_back(), std::string_view(&c, 1));
      }
      i += range ? 2 : 0;
    }
    position_ = end + 1;
    return !choices.empty() && NoQuantifier() && Multiply(choices, results);
  }

  // Expressions come from users: a short one must not expand to gigabytes.
  bool Spend(size_t num_bytes) {
    if (num_bytes > budget_bytes_) {
      return false;
    }
    budget_bytes_ -= num_bytes;
    return true;
  }

  static size_t LiteralBytes(const Globs& globs) {
    size_t num_bytes = 0;
    for (const Glob& glob : globs) {
      for (const Glob::Part& part : glob.parts) {
        num_bytes += part.literal.size() + kGlobBytes;
      }
    }
    return num_bytes;
  }

  bool Multiply(const Globs& tails, Globs* results) {
    // One side alone may be long: a big list of alternatives in one group.
    if (results->size() != 1 && tails.size() != 1 && results->size() * tails.size() > kMaxProduct) {
      return false;
    }
    if (!Spend(LiteralBytes(*results) * tails.size() + LiteralBytes(tails) * results->size() +
               results->size() * tails.size() * kGlobBytes)) {
      return false;
    }
    Globs product;
    product.reserve(results->size() * tails.size());
    for (const Glob& head : *results) {
      for (const Glob& tail : tails) {
        Glob joined = head;
        for (const Glob::Part& part : tail.parts) {
          if (!AddGap(&joined, part.gap_before)) {
            return false;
          }
          AddLiteral(&joined, part.literal);
        }
        if (!AddGap(&joined, tail.end)) {
          return false;
        }
        product.push_back(std::move(joined));
      }
    }
    *results = std::move(product);
    return true;
  }

  const std::string_view pattern_;
  size_t position_ = 0;
  size_t budget_bytes_ = kMaxBytes;
};

std::string_view CommonStart(std::string_view a, std::string_view b) {
  return a.substr(0, static_cast<size_t>(std::ranges::mismatch(a, b).in1 - a.begin()));
}

}  // namespace

bool Glob::Matches(std::string_view value) const {
  size_t position = 0;
  for (size_t i = 0; i < parts.size(); ++i) {
    const Part& part = parts[i];
    const bool last = i + 1 == parts.size() && end == Gap::kNone;
    const size_t earliest = position + (part.gap_before == Gap::kSome ? 1 : 0);
    size_t found;
    if (part.gap_before == Gap::kNone) {
      found = value.substr(position).starts_with(part.literal) ? position : std::string_view::npos;
      if (last && value.size() != position + part.literal.size()) {
        return false;
      }
    } else if (last) {
      found = value.ends_with(part.literal) ? value.size() - part.literal.size() : std::string_view::npos;
    } else {
      found = earliest <= value.size() ? value.find(part.literal, earliest) : std::string_view::npos;
    }
    if (found == std::string_view::npos || found < earliest) {
      return false;
    }
    position = found + part.literal.size();
  }
  switch (end) {
    case Gap::kAny:
      return true;
    case Gap::kSome:
      return position < value.size();
    case Gap::kNone:
      break;
  }
  return position == value.size();
}

std::string_view Glob::prefix() const {
  return parts.empty() || parts[0].gap_before != Gap::kNone ? std::string_view() : parts[0].literal;
}

bool RegexShape::Matches(std::string_view value) const {
  if (std::binary_search(literals.begin(), literals.end(), value)) {
    return true;
  }
  return std::ranges::any_of(globs, [&](const Glob& glob) { return glob.Matches(value); });
}

std::string RegexShape::CommonPrefix() const {
  std::optional<std::string_view> common;
  const auto narrow = [&](std::string_view prefix) {
    common = common ? CommonStart(*common, prefix) : prefix;
  };
  std::ranges::for_each(literals, narrow);
  for (const Glob& glob : globs) {
    narrow(glob.prefix());
  }
  return std::string(common.value_or(std::string_view()));
}

std::optional<RegexShape> RecogniseShape(std::string_view pattern) {
  auto globs = Parser(pattern).Parse();
  if (!globs) {
    return std::nullopt;
  }
  RegexShape shape;
  for (Glob& glob : *globs) {
    if (glob.exact()) {
      shape.literals.push_back(glob.parts.empty() ? std::string() : std::move(glob.parts[0].literal));
    } else {
      shape.globs.push_back(std::move(glob));
    }
  }
  if (shape.globs.size() > kMaxGlobs) {
    return std::nullopt;
  }
  std::ranges::sort(shape.literals);
  shape.literals.erase(std::unique(shape.literals.begin(), shape.literals.end()), shape.literals.end());
  return shape;
}

}  // namespace thanos::labels::internal
