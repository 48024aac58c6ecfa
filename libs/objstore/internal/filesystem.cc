#include "objstore/internal/filesystem.h"

#include <algorithm>
#include <cerrno>
#include <ctime>
#include <dirent.h>
#include <fcntl.h>
#include <memory>
#include <sys/stat.h>
#include <unistd.h>
#include <utility>
#include <vector>

#include "objstore/internal/object_name.h"

namespace thanos::objstore::internal {
namespace {

// Smaller objects are copied: a mapping costs more than reading them.
constexpr int64_t kMapFromBytes = 64 * 1024;
constexpr size_t kMaxMappings = 1024;
constexpr int kMaxDepth = 64;
constexpr size_t kCopyBytes = 1024 * 1024;
constexpr std::string_view kTemporaryPrefix = ".upload-";
constexpr std::string_view kTemporarySuffix = ".tmp";
// An unfinished upload that was not written to for so long is nobody's any more.
constexpr int64_t kAbandonedUploadS = int64_t{24} * 3600;

class FileDescriptor {
 public:
  explicit FileDescriptor(int fd) : fd_(fd) {}
  ~FileDescriptor() {
    if (fd_ >= 0) {
      close(fd_);
    }
  }
  FileDescriptor(const FileDescriptor&) = delete;
  FileDescriptor& operator=(const FileDescriptor&) = delete;
  int get() const { return fd_; }
  bool ok() const { return fd_ >= 0; }

 private:
  int fd_;
};

bool IsTemporary(std::string_view file_name) {
  return file_name.starts_with(kTemporaryPrefix) && file_name.ends_with(kTemporarySuffix);
}

std::string_view FileName(std::string_view path) {
  return path.substr(path.rfind('/') + 1);
}
std::string ParentDirectory(const std::string& path) {
  return path.substr(0, path.rfind('/'));
}

bool IsAbandoned(const struct stat& attributes) {
  return time(nullptr) - attributes.st_mtim.tv_sec > kAbandonedUploadS;
}

// Removes a directory without objects that nobody has written to for long, with what an interrupted upload
// left there. No caller can name these leftovers.
void RemoveAbandoned(const std::string& directory, int depth) {
  struct stat attributes {};
  if (depth > kMaxDepth || lstat(directory.c_str(), &attributes) != 0 || !IsAbandoned(attributes)) {
    return;
  }
  const std::unique_ptr<DIR, int (*)(DIR*)> stream(opendir(directory.c_str()), closedir);
  while (const dirent* item = stream == nullptr ? nullptr : readdir(stream.get())) {
    const std::string_view name = item->d_name;
    const std::string path = base::Concat(directory, "/", name);
    if (name == "." || name == ".." || lstat(path.c_str(), &attributes) != 0) {
      continue;
    }
    if (S_ISDIR(attributes.st_mode)) {
      RemoveAbandoned(path, depth + 1);
    } else if (IsTemporary(name) && IsAbandoned(attributes)) {
      unlink(path.c_str());
    }
  }
  rmdir(directory.c_str());  // fails if something is left
}

FileIdentity IdentityOf(const struct stat& stat) {
  return {stat.st_dev, stat.st_ino, stat.st_size,
          static_cast<int64_t>(stat.st_mtim.tv_sec) * 1'000'000'000 + stat.st_mtim.tv_nsec};
}

base::Status SyncDirectory(const std::string& path) {
  const FileDescriptor directory(open(path.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (!directory.ok() || fsync(directory.get()) != 0) {
    return base::ErrnoStatus(errno, base::Concat("sync directory ", path));
  }
  return base::OkStatus();
}

// Creates `path` and its missing parents, each made durable in its parent.
base::Status MakeDirectories(const std::string& path) {
  if (mkdir(path.c_str(), 0750) == 0) {
    const std::string parent = ParentDirectory(path);
    return SyncDirectory(parent.empty() ? "/" : parent);
  }
  if (errno == EEXIST) {
    return base::OkStatus();
  }
  if (errno != ENOENT || path.rfind('/') == 0 || path.rfind('/') == std::string::npos) {
    return base::ErrnoStatus(errno, base::Concat("create directory ", path));
  }
  TH_RETURN_IF_ERROR(MakeDirectories(ParentDirectory(path)));
  if (mkdir(path.c_str(), 0750) != 0 && errno != EEXIST) {
    return base::ErrnoStatus(errno, base::Concat("create directory ", path));
  }
  return SyncDirectory(ParentDirectory(path));
}

base::Status WriteAll(int fd, std::string_view content) {
  while (!content.empty()) {
    const ssize_t written = write(fd, content.data(), content.size());
    if (written < 0) {
      if (errno == EINTR) {
        continue;
      }
      return base::ErrnoStatus(errno, "write");
    }
    content.remove_prefix(static_cast<size_t>(written));
  }
  return base::OkStatus();
}

// Reads exactly `length` bytes from `offset`.
base::StatusOr<std::string> ReadExactly(int fd, int64_t offset, int64_t length) {
  std::string content(static_cast<size_t>(length), '\0');
  size_t filled = 0;
  while (filled < content.size()) {
    const ssize_t count =
        pread(fd, content.data() + filled, content.size() - filled, offset + static_cast<int64_t>(filled));
    if (count < 0 && errno == EINTR) {
      continue;
    }
    if (count < 0) {
      return base::ErrnoStatus(errno, "read");
    }
    if (count == 0) {
      return base::DataLoss("file became shorter while it was read");
    }
    filled += static_cast<size_t>(count);
  }
  return content;
}

struct DirectoryEntry {
  std::string name;  // directories end with '/'
  bool is_directory = false;
};

// Sorted by name. A directory that is missing or is a file is empty.
base::StatusOr<std::vector<DirectoryEntry>> ReadDirectory(const std::string& path) {
  std::vector<DirectoryEntry> entries;
  const std::unique_ptr<DIR, int (*)(DIR*)> directory(opendir(path.c_str()), closedir);
  if (directory == nullptr) {
    if (errno == ENOENT || errno == ENOTDIR) {
      return entries;
    }
    return base::ErrnoStatus(errno, base::Concat("list ", path));
  }
  while (true) {
    errno = 0;
    const dirent* item = readdir(directory.get());  // NOLINT(concurrency-mt-unsafe): the stream is ours alone
    if (item == nullptr) {
      break;
    }
    const std::string_view name = item->d_name;
    if (name == "." || name == ".." || IsTemporary(name)) {
      continue;
    }
    bool is_directory = item->d_type == DT_DIR;
    if (item->d_type != DT_DIR && item->d_type != DT_REG) {
      struct stat stat_buffer {};
      if (fstatat(dirfd(directory.get()), item->d_name, &stat_buffer, 0) != 0) {
        continue;  // removed meanwhile, or a dangling link
      }
      is_directory = S_ISDIR(stat_buffer.st_mode);
      if (!is_directory && !S_ISREG(stat_buffer.st_mode)) {
        continue;
      }
    }
    entries.push_back({base::Concat(name, is_directory ? "/" : ""), is_directory});
  }
  if (errno != 0) {
    return base::ErrnoStatus(errno, base::Concat("list ", path));
  }
  std::sort(entries.begin(), entries.end(),
            [](const DirectoryEntry& a, const DirectoryEntry& b) { return a.name < b.name; });
  return entries;
}

// True when some object lies below `path`.
base::StatusOr<bool> HoldsObjects(const std::string& path, int depth) {
  if (depth > kMaxDepth) {
    return base::FailedPrecondition("directories nested deeper than ", kMaxDepth, " at ", path);
  }
  TH_ASSIGN_OR_RETURN(const auto entries, ReadDirectory(path));
  for (const DirectoryEntry& entry : entries) {
    if (!entry.is_directory) {
      return true;
    }
    TH_ASSIGN_OR_RETURN(
        const bool holds,
        HoldsObjects(base::Concat(path, "/", entry.name.substr(0, entry.name.size() - 1)), depth + 1));
    if (holds) {
      return true;
    }
  }
  return false;
}

}  // namespace

FilesystemBucket::FilesystemBucket(std::string root) : root_(std::move(root)), mappings_(kMaxMappings) {}

base::StatusOr<std::unique_ptr<FilesystemBucket>> FilesystemBucket::Open(const std::string& directory) {
  if (directory.empty()) {
    return base::InvalidArgument("missing directory for filesystem bucket");
  }
  std::string root = directory;
  if (root.front() != '/') {
    const std::unique_ptr<char, void (*)(void*)> working(getcwd(nullptr, 0), free);
    if (working == nullptr) {
      return base::ErrnoStatus(errno, "working directory");
    }
    root = base::Concat(working.get(), "/", root);
  }
  while (root.size() > 1 && root.ends_with('/')) {
    root.pop_back();
  }
  TH_RETURN_IF_ERROR(MakeDirectories(root));
  return std::unique_ptr<FilesystemBucket>(new FilesystemBucket(std::move(root)));
}

base::StatusOr<std::string> FilesystemBucket::Path(const base::CancelToken& cancel,
                                                   std::string_view name) const {
  TH_RETURN_IF_ERROR(cancel.status());
  TH_RETURN_IF_ERROR(CheckObjectName(name));
  if (IsTemporary(FileName(name))) {
    return base::InvalidArgument("object name ", base::Quote(name), " is reserved");
  }
  return base::Concat(root_, "/", name);
}

base::Status FilesystemBucket::ListDirectory(const base::CancelToken& cancel, const std::string& prefix,
                                             bool recursive, int depth,
                                             const std::function<base::Status(const ListEntry&)>& visit) {
  TH_RETURN_IF_ERROR(cancel.status());
  if (depth > kMaxDepth) {
    return base::FailedPrecondition("directories nested deeper than ", kMaxDepth, " at ", prefix);
  }
  const std::string directory = base::Concat(root_, "/", prefix);
  TH_ASSIGN_OR_RETURN(const auto entries, ReadDirectory(directory));
  for (const DirectoryEntry& entry : entries) {
    const ListEntry listed{base::Concat(prefix, entry.name)};
    if (!entry.is_directory) {
      TH_RETURN_IF_ERROR(visit(listed));
    } else if (recursive) {
      TH_RETURN_IF_ERROR(ListDirectory(cancel, listed.name, recursive, depth + 1, visit));
    } else {
      TH_ASSIGN_OR_RETURN(const bool holds, HoldsObjects(base::Concat(directory, entry.name), depth + 1));
      if (holds) {
        TH_RETURN_IF_ERROR(visit(listed));
      } else {
        RemoveAbandoned(base::Concat(directory, entry.name), depth + 1);
      }
    }
  }
  return base::OkStatus();
}

base::Status FilesystemBucket::List(const base::CancelToken& cancel, std::string_view directory,
                                    const ListOptions& options,
                                    const std::function<base::Status(const ListEntry&)>& visit) {
  TH_ASSIGN_OR_RETURN(std::string prefix, CleanDirectory(directory));
  if (!prefix.empty()) {
    prefix.push_back('/');
  }
  return ListDirectory(cancel, prefix, options.recursive, 0, visit);
}

base::StatusOr<base::SharedBytes> FilesystemBucket::Read(const base::CancelToken& cancel,
                                                         std::string_view name, int64_t offset,
                                                         int64_t length) {
  TH_ASSIGN_OR_RETURN(const std::string path, Path(cancel, name));
  struct stat stat_buffer {};
  if (stat(path.c_str(), &stat_buffer) != 0 || !S_ISREG(stat_buffer.st_mode)) {
    return errno == ENOENT || errno == ENOTDIR || S_ISDIR(stat_buffer.st_mode)
               ? base::NotFound("object ", name, " does not exist")
               : base::ErrnoStatus(errno, base::Concat("object ", name));
  }
  FileIdentity identity = IdentityOf(stat_buffer);
  base::SharedBytes whole = mappings_.Find(path, identity);
  if (whole.owner == nullptr) {
    const FileDescriptor file(open(path.c_str(), O_RDONLY | O_CLOEXEC));
    if (!file.ok() || fstat(file.get(), &stat_buffer) != 0) {
      return base::ErrnoStatus(errno, base::Concat("object ", name));
    }
    identity = IdentityOf(stat_buffer);  // of what was opened, which may be newer
    if (identity.size_bytes >= kMapFromBytes) {
      TH_ASSIGN_OR_RETURN(whole, mappings_.Map(path, file.get(), identity));
    } else {
      auto content = ReadExactly(file.get(), 0, identity.size_bytes);
      if (!content.ok()) {
        return base::Annotate(content.status(), "object ", name);
      }
      whole = base::SharedBytes::FromString(*std::move(content));
    }
  }
  const auto size = static_cast<int64_t>(whole.bytes.size());
  if (length < 0) {
    return whole;
  }
  if (offset < 0 || offset > size || length > size - offset) {
    return base::OutOfRange("object ", name, ": range ", offset, "+", length, " of ", size, " bytes");
  }
  whole.bytes = whole.bytes.substr(static_cast<size_t>(offset), static_cast<size_t>(length));
  return whole;
}

base::StatusOr<base::SharedBytes> FilesystemBucket::Get(const base::CancelToken& cancel,
                                                        std::string_view name) {
  return Read(cancel, name, 0, -1);
}

base::StatusOr<base::SharedBytes> FilesystemBucket::GetRange(const base::CancelToken& cancel,
                                                             std::string_view name, int64_t offset,
                                                             int64_t length) {
  if (length < 0) {
    return base::InvalidArgument("object ", name, ": negative range length");
  }
  return Read(cancel, name, offset, length);
}

base::StatusOr<bool> FilesystemBucket::Exists(const base::CancelToken& cancel, std::string_view name) {
  const auto attributes = Attributes(cancel, name);
  if (attributes.status().code() == base::StatusCode::kNotFound) {
    return false;
  }
  TH_RETURN_IF_ERROR(attributes.status());
  return true;
}

base::StatusOr<ObjectAttributes> FilesystemBucket::Attributes(const base::CancelToken& cancel,
                                                              std::string_view name) {
  TH_ASSIGN_OR_RETURN(const std::string path, Path(cancel, name));
  struct stat stat_buffer {};
  if (stat(path.c_str(), &stat_buffer) != 0) {
    return errno == ENOTDIR || errno == ENOENT ? base::NotFound("object ", name, " does not exist")
                                               : base::ErrnoStatus(errno, base::Concat("object ", name));
  }
  if (!S_ISREG(stat_buffer.st_mode)) {
    return base::NotFound("object ", name, " does not exist");
  }
  const FileIdentity identity = IdentityOf(stat_buffer);
  return ObjectAttributes{identity.size_bytes, identity.modified_ns / 1'000'000};
}

base::Status FilesystemBucket::WriteAside(const std::string& path,
                                          const std::function<base::Status(int)>& fill) {
  const std::string directory = ParentDirectory(path);
  const std::string temporary =
      base::Concat(directory, "/", kTemporaryPrefix, getpid(), "-", next_temporary_++, kTemporarySuffix);
  // A delete of the directory's last object may remove the directory between its creation and its use.
  int fd = -1;
  for (int attempt = 0; attempt < 5 && fd < 0; ++attempt) {
    TH_RETURN_IF_ERROR(MakeDirectories(directory));
    fd = open(temporary.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0640);
    if (fd < 0 && errno != ENOENT) {
      break;
    }
  }
  const FileDescriptor file(fd);
  if (!file.ok()) {
    return base::ErrnoStatus(errno, base::Concat("create ", temporary));
  }
  base::Status status = fill(file.get());
  if (status.ok() && fdatasync(file.get()) != 0) {
    status = base::ErrnoStatus(errno, base::Concat("sync ", temporary));
  }
  if (status.ok() && rename(temporary.c_str(), path.c_str()) != 0) {
    status = base::ErrnoStatus(errno, base::Concat("rename to ", path));
  }
  if (!status.ok()) {
    unlink(temporary.c_str());
    return status;
  }
  mappings_.Forget(path);
  return SyncDirectory(directory);
}

base::Status FilesystemBucket::Upload(const base::CancelToken& cancel, std::string_view name,
                                      std::string_view content) {
  TH_ASSIGN_OR_RETURN(const std::string path, Path(cancel, name));
  return base::Annotate(WriteAside(path, [&](int fd) { return WriteAll(fd, content); }), "upload ", name);
}

base::Status FilesystemBucket::UploadFile(const base::CancelToken& cancel, std::string_view name,
                                          const std::string& local_path) {
  TH_ASSIGN_OR_RETURN(const std::string path, Path(cancel, name));
  const FileDescriptor source(open(local_path.c_str(), O_RDONLY | O_CLOEXEC));
  struct stat stat_buffer {};
  if (!source.ok() || fstat(source.get(), &stat_buffer) != 0) {
    return base::ErrnoStatus(errno, base::Concat("upload ", name, ": open ", local_path));
  }
  if (!S_ISREG(stat_buffer.st_mode)) {
    return base::InvalidArgument("upload ", name, ": ", local_path, " is not a regular file");
  }
  const int64_t size = stat_buffer.st_size;
  const auto copy = [&](int fd) -> base::Status {
    for (int64_t offset = 0; offset < size;) {
      TH_RETURN_IF_ERROR(cancel.status());
      const int64_t count = std::min<int64_t>(size - offset, kCopyBytes);
      TH_ASSIGN_OR_RETURN(const std::string piece, ReadExactly(source.get(), offset, count));
      TH_RETURN_IF_ERROR(WriteAll(fd, piece));
      offset += count;
    }
    return base::OkStatus();
  };
  return base::Annotate(WriteAside(path, copy), "upload ", name);
}

base::Status FilesystemBucket::Delete(const base::CancelToken& cancel, std::string_view name) {
  TH_ASSIGN_OR_RETURN(const std::string path, Path(cancel, name));
  if (unlink(path.c_str()) != 0) {
    return errno == ENOENT || errno == ENOTDIR || errno == EISDIR
               ? base::NotFound("object ", name, " does not exist")
               : base::ErrnoStatus(errno, base::Concat("delete ", name));
  }
  mappings_.Forget(path);
  // Directories exist only as prefixes of objects: take away those that became empty.
  std::string directory = ParentDirectory(path);
  while (directory.size() > root_.size() && rmdir(directory.c_str()) == 0) {
    directory = ParentDirectory(directory);
  }
  return SyncDirectory(directory);
}

}  // namespace thanos::objstore::internal
