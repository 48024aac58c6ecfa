#include "shipper/uploaded_list.h"

#include <cerrno>
#include <cstdio>
#include <fcntl.h>
#include <rapidjson/document.h>
#include <unistd.h>
#include <utility>

#include "config/path_or_content.h"

namespace thanos::shipper {
namespace {

// Closes its descriptor.
class File {
 public:
  File(const std::string& path, int flags) : descriptor_(::open(path.c_str(), flags | O_CLOEXEC, 0644)) {}
  ~File() {
    if (descriptor_ >= 0) {
      ::close(descriptor_);
    }
  }
  File(const File&) = delete;
  File& operator=(const File&) = delete;
  bool ok() const { return descriptor_ >= 0; }
  int get() const { return descriptor_; }

 private:
  int descriptor_;
};

base::Status WriteAll(int descriptor, std::string_view text, const std::string& path) {
  while (!text.empty()) {
    const ssize_t written = ::write(descriptor, text.data(), text.size());
    if (written < 0 && errno == EINTR) {
      continue;
    }
    if (written < 0) {
      return base::ErrnoStatus(errno, base::Concat("writing ", path));
    }
    text.remove_prefix(static_cast<size_t>(written));
  }
  return ::fsync(descriptor) == 0 ? base::OkStatus()
                                  : base::ErrnoStatus(errno, base::Concat("syncing ", path));
}

}  // namespace

base::StatusOr<std::vector<model::Ulid>> ParseUploadedList(std::string_view json) {
  rapidjson::Document document;
  document.Parse<rapidjson::kParseIterativeFlag>(json.data(), json.size());
  if (document.HasParseError() || !document.IsObject()) {
    return base::DataLoss("list of uploaded blocks: malformed JSON");
  }
  const rapidjson::Value& root = document;
  const auto version = root.FindMember("version");
  if (version == root.MemberEnd() || !version->value.IsInt() || version->value.GetInt() != 1) {
    return base::DataLoss("list of uploaded blocks: unexpected version");
  }
  std::vector<model::Ulid> uploaded;
  const auto list = root.FindMember("uploaded");
  if (list == root.MemberEnd() || list->value.IsNull()) {
    return uploaded;
  }
  if (!list->value.IsArray()) {
    return base::DataLoss("list of uploaded blocks: uploaded is not an array");
  }
  for (const auto& entry : list->value.GetArray()) {
    const std::string_view text =
        entry.IsString() ? std::string_view(entry.GetString(), entry.GetStringLength()) : std::string_view();
    const auto ulid = model::Ulid::Parse(text);
    if (!ulid) {
      return base::DataLoss("list of uploaded blocks: bad ULID ", base::Quote(text));
    }
    uploaded.push_back(*ulid);
  }
  return uploaded;
}

std::string FormatUploadedList(const std::vector<model::Ulid>& uploaded) {
  std::string out = "{\n\t\"version\": 1,\n\t\"uploaded\": [";
  for (size_t i = 0; i < uploaded.size(); ++i) {
    base::Append(out, i == 0 ? "" : ",", "\n\t\t\"", uploaded[i].ToString(), "\"");
  }
  base::Append(out, uploaded.empty() ? "]" : "\n\t]", "\n}\n");
  return out;
}

base::StatusOr<std::vector<model::Ulid>> ReadUploadedList(const std::string& path) {
  TH_ASSIGN_OR_RETURN(const std::string json, config::ReadFile(path));
  auto uploaded = ParseUploadedList(json);
  return uploaded.ok() ? std::move(uploaded) : base::Annotate(uploaded.status(), path);
}

base::Status WriteUploadedList(const std::string& path, const std::vector<model::Ulid>& uploaded) {
  const std::string temporary = path + ".tmp";
  {
    const File file(temporary, O_WRONLY | O_CREAT | O_TRUNC);
    if (!file.ok()) {
      return base::ErrnoStatus(errno, base::Concat("creating ", temporary));
    }
    TH_RETURN_IF_ERROR(WriteAll(file.get(), FormatUploadedList(uploaded), temporary));
  }
  if (std::rename(temporary.c_str(), path.c_str()) != 0) {
    return base::ErrnoStatus(errno, base::Concat("renaming ", temporary));
  }
  const size_t slash = path.rfind('/');
  const std::string directory = slash == std::string::npos ? "." : path.substr(0, slash + 1);
  const File parent(directory, O_RDONLY | O_DIRECTORY);
  if (!parent.ok() || ::fsync(parent.get()) != 0) {
    return base::ErrnoStatus(errno, base::Concat("syncing ", directory));
  }
  return base::OkStatus();
}

}  // namespace thanos::shipper
