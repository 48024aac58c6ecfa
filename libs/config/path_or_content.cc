#include "config/path_or_content.h"

#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <memory>

namespace thanos::config {
namespace {

constexpr size_t kMaxFileBytes = size_t{64} << 20;

bool IsNameByte(char c, bool first) {
  return c == '_' || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (!first && c >= '0' && c <= '9');
}

}  // namespace

base::StatusOr<std::string> SubstituteEnvironment(std::string_view text) {
  std::string out;
  size_t position = 0;
  while (position < text.size()) {
    const size_t open = text.find("$(", position);
    if (open == std::string_view::npos) {
      break;
    }
    size_t end = open + 2;
    while (end < text.size() && IsNameByte(text[end], end == open + 2)) {
      ++end;
    }
    if (end == open + 2 || end >= text.size() || text[end] != ')') {
      out += text.substr(position, open + 2 - position);
      position = open + 2;
      continue;
    }
    const std::string name(text.substr(open + 2, end - open - 2));
    const char* value =
        std::getenv(name.c_str());  // NOLINT(concurrency-mt-unsafe): nothing here sets variables
    if (value == nullptr) {
      return base::InvalidArgument("found reference to unset environment variable ", base::Quote(name));
    }
    out += text.substr(position, open - position);
    out += value;
    position = end + 1;
  }
  out += text.substr(position);
  return out;
}

base::StatusOr<std::string> ReadFile(const std::string& path) {
  const std::unique_ptr<FILE, int (*)(FILE*)> file(std::fopen(path.c_str(), "rbe"), &std::fclose);
  if (file == nullptr) {
    return base::ErrnoStatus(errno, base::Concat("opening file ", path));
  }
  std::string out;
  char buffer[16 * 1024];
  while (const size_t count = std::fread(buffer, 1, sizeof(buffer), file.get())) {
    out.append(buffer, count);
    if (out.size() > kMaxFileBytes) {
      return base::ResourceExhausted("file ", path, " is larger than ", kMaxFileBytes, " bytes");
    }
  }
  if (std::ferror(file.get()) != 0) {
    return base::ErrnoStatus(errno, base::Concat("reading file ", path));
  }
  return out;
}

void PathOrContent::AddTo(FlagSet& flags, std::string_view what, FlagOptions options) {
  flags.Add(base::Concat(name, "-file"), &path, base::Concat("Path of the file with ", what, "."), options);
  options.secret = true;
  flags.Add(name, &content,
            base::Concat("Text of ", what, ". At most one of --", name, " and --", name, "-file may be set."),
            options);
}

base::StatusOr<std::string> PathOrContent::Read() const {
  if (!path.empty() && !content.empty()) {
    return base::InvalidArgument("both --", name, " and --", name, "-file are set");
  }
  std::string text = content;
  if (!path.empty()) {
    auto file = ReadFile(path);
    if (!file.ok()) {
      return base::Annotate(file.status(), "--", name, "-file");
    }
    text = *std::move(file);
  }
  if (!substitute_environment) {
    return text;
  }
  auto substituted = SubstituteEnvironment(text);
  if (!substituted.ok()) {
    return base::Annotate(substituted.status(), "--", name);
  }
  return substituted;
}

base::StatusOr<std::string> PathOrContent::ReadRequired() const {
  TH_ASSIGN_OR_RETURN(std::string text, Read());
  if (text.empty()) {
    return base::InvalidArgument("flag --", name, " or --", name,
                                 "-file is required and its content must not be empty");
  }
  return text;
}

}  // namespace thanos::config
