#pragma once

// Recognises regular expressions that need no regex engine: alternations of literals, with `.*` and `.+`
// between them.

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace thanos::labels::internal {

// Literals in order with gaps around them: "a.*b" is {gap none "a"}, {gap any "b"}, end none.
struct Glob {
  enum class Gap : uint8_t { kNone, kAny, kSome };  // nothing, `.*`, `.+`
  struct Part {
    Gap gap_before = Gap::kNone;
    std::string literal;  // not empty
  };
  std::vector<Part> parts;
  Gap end = Gap::kNone;

  bool exact() const {
    return end == Gap::kNone && (parts.empty() || (parts.size() == 1 && parts[0].gap_before == Gap::kNone));
  }
  // The whole of `value` must match.
  bool Matches(std::string_view value) const;
  // What every matching value starts with.
  std::string_view prefix() const;
};

// What an expression accepts: one of `literals` (sorted, unique) or anything one of `globs` matches.
struct RegexShape {
  std::vector<std::string> literals;
  std::vector<Glob> globs;

  bool Matches(std::string_view value) const;
  std::string CommonPrefix() const;
};

// Null when `pattern` needs the engine (or may be invalid: nothing is reported here). Whole-value semantics,
// `.` matches newline, case-sensitive.
std::optional<RegexShape> RecogniseShape(std::string_view pattern);

}  // namespace thanos::labels::internal
