#include "labels/symbols.h"

namespace thanos::labels {

uint32_t SymbolTable::Intern(std::string_view text) {
  if (const auto found = numbers_.find(text); found != numbers_.end()) {
    return found->second;
  }
  const auto number = static_cast<uint32_t>(symbols_.size());
  const std::string_view copy = arena_.Copy(text);
  symbols_.push_back(copy);
  numbers_.emplace(copy, number);
  return number;
}

std::optional<uint32_t> SymbolTable::Find(std::string_view text) const {
  const auto found = numbers_.find(text);
  return found == numbers_.end() ? std::nullopt : std::optional(found->second);
}

}  // namespace thanos::labels
