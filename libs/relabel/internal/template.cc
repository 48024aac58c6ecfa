#include "relabel/internal/template.h"

#include <map>

namespace thanos::relabel::internal {
namespace {

// Group numbers above this are names in Go as well.
constexpr size_t kMaxNumberDigits = 8;

bool IsDigit(char c) {
  return c >= '0' && c <= '9';
}
bool IsNameCharacter(char c) {
  // Bytes of other alphabets count as letters.
  return IsDigit(c) || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_' ||
         static_cast<unsigned char>(c) >= 0x80;
}

// The reference at the start of `text`, which follows a '$': its name, and the bytes it takes; 0 is none.
size_t ParseReference(std::string_view text, std::string_view* name) {
  const size_t begin = text.starts_with('{') ? 1 : 0;
  size_t end = begin;
  while (end < text.size() && IsNameCharacter(text[end])) {
    ++end;
  }
  *name = text.substr(begin, end - begin);
  if (name->empty() || (begin == 1 && (end == text.size() || text[end] != '}'))) {
    return 0;
  }
  return end + begin;
}

// The number of a group, or -1 for names. "01" is a name.
int GroupNumber(std::string_view name) {
  if (name.size() > kMaxNumberDigits || (name.size() > 1 && name[0] == '0')) {
    return -1;
  }
  int number = 0;
  for (const char c : name) {
    if (!IsDigit(c)) {
      return -1;
    }
    number = number * 10 + (c - '0');
  }
  return number;
}

std::string_view GroupText(std::string_view name, const RE2& expression,
                           std::span<const re2::StringPiece> groups) {
  int number = GroupNumber(name);
  if (number < 0) {
    const auto& names = expression.NamedCapturingGroups();
    const auto named = names.find(std::string(name));
    number = named == names.end() ? -1 : named->second;
  }
  if (number < 0 || static_cast<size_t>(number) >= groups.size()) {
    return {};
  }
  const re2::StringPiece& group = groups[static_cast<size_t>(number)];
  return {group.data(), group.size()};
}

}  // namespace

bool HasReference(std::string_view text) {
  for (size_t dollar = text.find('$'); dollar != std::string_view::npos;
       dollar = text.find('$', dollar + 1)) {
    std::string_view name;
    if (ParseReference(text.substr(dollar + 1), &name) > 0) {
      return true;
    }
  }
  return false;
}

std::string Expand(std::string_view text, const RE2& expression, std::span<const re2::StringPiece> groups) {
  std::string expanded;
  while (true) {
    const size_t dollar = text.find('$');
    expanded += text.substr(0, dollar);
    if (dollar == std::string_view::npos) {
      return expanded;
    }
    text.remove_prefix(dollar + 1);
    if (text.starts_with('$')) {
      expanded += '$';
      text.remove_prefix(1);
      continue;
    }
    std::string_view name;
    const size_t length = ParseReference(text, &name);
    if (length == 0) {
      expanded += '$';
      continue;
    }
    expanded += GroupText(name, expression, groups);
    text.remove_prefix(length);
  }
}

}  // namespace thanos::relabel::internal
