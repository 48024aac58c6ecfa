#include "config/flag_help.h"

#include <algorithm>

#include "base/strings.h"

namespace thanos::config {
namespace {

constexpr size_t kHelpColumn = 32;
constexpr size_t kMaxWidth = 110;

// "--log.level=info", "--[no-]wait", "--label=LABEL ...": the default, or the name as a placeholder.
std::string Usage(const Flag& flag) {
  if (flag.is_bool()) {
    return base::Concat("--[no-]", flag.name);
  }
  std::string value = FlagText(flag);
  if (value.empty()) {
    const size_t dot = flag.name.rfind('.');
    for (const char c : flag.name.substr(dot == std::string::npos ? 0 : dot + 1)) {
      value += c >= 'a' && c <= 'z' ? static_cast<char>(c - 'a' + 'A') : c;
    }
  } else if (value.find_first_of(" \"") != std::string::npos) {
    value = base::Quote(value);
  }
  return base::Concat("--", flag.name, "=", value, flag.is_list() ? " ..." : "");
}

// Appends `text` broken into lines that start at `column`; `at` is where the cursor stands.
void AppendWrapped(std::string& out, std::string_view text, size_t column, size_t at) {
  for (const std::string_view word : base::Split(text, ' ')) {
    if (at > column && at + 1 + word.size() > kMaxWidth) {
      out += '\n';
      out.append(column, ' ');
      at = column;
    } else if (at > column) {
      out += ' ';
      ++at;
    }
    out += word;
    at += word.size();
  }
  out += '\n';
}

}  // namespace

std::string FormatHelp(const std::string& component, const std::string& help,
                       const std::vector<Flag>& flags) {
  std::string out = base::Concat("usage: thanos ", component, " [<flags>]\n\n", help, "\n\nFlags:\n");
  for (const Flag& flag : flags) {
    if (flag.options.hidden) {
      continue;
    }
    const std::string left = flag.options.short_name == 0
                                 ? base::Concat("      ", Usage(flag))
                                 : base::Concat("  -", flag.options.short_name, ", ", Usage(flag));
    out += left;
    if (left.size() + 2 > kHelpColumn) {
      out += '\n';
      out.append(kHelpColumn, ' ');
    } else {
      out.append(kHelpColumn - left.size(), ' ');
    }
    std::string text = flag.help;
    if (!flag.allowed.empty()) {
      base::Append(text, " One of: ", base::Join(flag.allowed, ", "), ".");
    }
    AppendWrapped(out, text, kHelpColumn, kHelpColumn);
  }
  return out;
}

}  // namespace thanos::config
