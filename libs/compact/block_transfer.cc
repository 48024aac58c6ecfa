#include "compact/block_transfer.h"

#include <algorithm>
#include <cerrno>
#include <fcntl.h>
#include <filesystem>
#include <map>
#include <sys/stat.h>
#include <system_error>
#include <unistd.h>
#include <utility>

#include "base/strings.h"
#include "compact/cleaner.h"
#include "concurrency/task_group.h"

namespace thanos::compact {
namespace {

namespace fs = std::filesystem;

// Bytes read at a time, from bucket and disk.
constexpr int64_t kPieceBytes = int64_t{8} << 20;

class File {
 public:
  File(const std::string& path, int flags) : path_(path), fd_(open(path.c_str(), flags | O_CLOEXEC, 0640)) {}
  ~File() {
    if (fd_ >= 0) {
      close(fd_);
    }
  }
  File(const File&) = delete;
  File& operator=(const File&) = delete;

  base::Status Error(std::string_view what) const {
    return base::ErrnoStatus(errno, base::Concat(what, " ", path_));
  }
  base::Status Opened() const { return fd_ >= 0 ? base::OkStatus() : Error("open"); }
  base::Status Write(std::string_view bytes) {
    while (!bytes.empty()) {
      const ssize_t written = write(fd_, bytes.data(), bytes.size());
      if (written < 0 && errno != EINTR) {
        return Error("write");
      }
      bytes.remove_prefix(written < 0 ? 0 : static_cast<size_t>(written));
    }
    return base::OkStatus();
  }
  // Exactly `size` bytes from `offset`.
  base::Status Read(int64_t offset, int64_t size, std::string* bytes) const {
    bytes->resize(static_cast<size_t>(size));
    size_t done = 0;
    while (done < bytes->size()) {
      const ssize_t count =
          pread(fd_, bytes->data() + done, bytes->size() - done, offset + static_cast<int64_t>(done));
      if (count < 0 && errno != EINTR) {
        return Error("read");
      }
      if (count == 0) {
        return base::DataLoss(path_, " ends before byte ", offset + size);
      }
      done += count < 0 ? 0 : static_cast<size_t>(count);
    }
    return base::OkStatus();
  }
  base::Status Close() {
    const int fd = std::exchange(fd_, -1);
    return close(fd) == 0 ? base::OkStatus() : Error("close");
  }

 private:
  const std::string path_;
  int fd_;
};

int64_t LocalSize(const std::string& path) {
  struct stat attributes {};
  return stat(path.c_str(), &attributes) == 0 ? static_cast<int64_t>(attributes.st_size) : -1;
}

// "index", "chunks/000001": the only names that are fetched, wherever they come from.
bool IsBlockFile(std::string_view rel_path) {
  if (rel_path == block::kIndexFileName) {
    return true;
  }
  const std::string directory = base::Concat(block::kChunksDirectory, "/");
  const std::string_view name = rel_path.substr(std::min(directory.size(), rel_path.size()));
  return rel_path.starts_with(directory) && !name.empty() &&
         name.find_first_not_of("0123456789") == std::string_view::npos;
}

// Relative paths of what to fetch, with the size meta.json gives or 0.
base::StatusOr<std::map<std::string, int64_t>> FilesOf(const base::CancelToken& cancel,
                                                       objstore::Bucket& bucket, const block::Meta& meta) {
  std::map<std::string, int64_t> files = {{std::string(block::kIndexFileName), 0}};
  const std::string root = base::Concat(meta.ulid.ToString(), "/");
  TH_RETURN_IF_ERROR(bucket.List(cancel, base::Concat(root, block::kChunksDirectory, "/"), {},
                                 [&](const objstore::ListEntry& entry) {
                                   const std::string rel_path = entry.name.substr(root.size());
                                   if (IsBlockFile(rel_path)) {
                                     files.emplace(rel_path, 0);
                                   }
                                   return base::OkStatus();
                                 }));
  if (meta.thanos) {
    for (const block::BlockFile& file : meta.thanos->files) {
      if (IsBlockFile(file.rel_path)) {
        files[file.rel_path] = file.size_bytes;
      }
    }
  }
  return files;
}

base::Status DownloadFile(const base::CancelToken& cancel, objstore::Bucket& bucket, const std::string& name,
                          int64_t wanted_size, const std::string& path) {
  const auto attributes = bucket.Attributes(cancel, name);
  TH_RETURN_IF_ERROR(base::Annotate(attributes.status(), "downloading ", name));
  const int64_t size = attributes->size_bytes;
  if (wanted_size != 0 && size != wanted_size) {
    return base::DataLoss(name, " has ", size, " bytes, meta.json says ", wanted_size);
  }
  if (LocalSize(path) == size) {
    return base::OkStatus();
  }
  const std::string temporary = path + ".tmp";
  File file(temporary, O_WRONLY | O_CREAT | O_TRUNC);
  TH_RETURN_IF_ERROR(file.Opened());
  for (int64_t offset = 0; offset < size; offset += kPieceBytes) {
    const auto piece = bucket.GetRange(cancel, name, offset, std::min(kPieceBytes, size - offset));
    TH_RETURN_IF_ERROR(base::Annotate(piece.status(), "downloading ", name));
    TH_RETURN_IF_ERROR(file.Write(piece->bytes));
  }
  TH_RETURN_IF_ERROR(file.Close());
  if (rename(temporary.c_str(), path.c_str()) != 0) {
    return base::ErrnoStatus(errno, base::Concat("rename to ", path));
  }
  return base::OkStatus();
}

// The object is the local file, byte by byte.
base::Status Compare(const base::CancelToken& cancel, objstore::Bucket& bucket, const std::string& name,
                     const std::string& path) {
  const auto attributes = bucket.Attributes(cancel, name);
  TH_RETURN_IF_ERROR(base::Annotate(attributes.status(), "reading back ", name));
  const int64_t size = LocalSize(path);
  if (attributes->size_bytes != size) {
    return base::DataLoss("reading back ", name, ": ", attributes->size_bytes, " bytes instead of ", size);
  }
  const File file(path, O_RDONLY);
  TH_RETURN_IF_ERROR(file.Opened());
  std::string local;
  for (int64_t offset = 0; offset < size; offset += kPieceBytes) {
    const int64_t length = std::min(kPieceBytes, size - offset);
    TH_RETURN_IF_ERROR(file.Read(offset, length, &local));
    const auto piece = bucket.GetRange(cancel, name, offset, length);
    TH_RETURN_IF_ERROR(base::Annotate(piece.status(), "reading back ", name));
    if (piece->bytes != local) {
      return base::DataLoss("reading back ", name, ": other bytes than those sent, from byte ", offset);
    }
  }
  return base::OkStatus();
}

base::Status UploadMeta(const base::CancelToken& cancel, objstore::Bucket& bucket, const block::Meta& meta) {
  const std::string name = block::MetaPath(meta.ulid);
  const std::string text = block::FormatMeta(meta);
  TH_RETURN_IF_ERROR(base::Annotate(bucket.Upload(cancel, name, text), "uploading ", name));
  const auto stored = bucket.Get(cancel, name);
  TH_RETURN_IF_ERROR(base::Annotate(stored.status(), "reading back ", name));
  if (stored->bytes == text) {
    return base::OkStatus();
  }
  const base::Status removed = DeleteBlock(cancel, bucket, meta.ulid);
  return base::DataLoss("reading back ", name, ": other bytes than those sent; the block was ",
                        removed.ok() ? "removed" : "not removed: ", base::Message(removed));
}

}  // namespace

base::Status RemoveTree(const std::string& path) {
  std::error_code error;
  fs::remove_all(path, error);
  return error ? base::ErrnoStatus(error.value(), base::Concat("remove ", path)) : base::OkStatus();
}

base::Status MakeDirectories(const std::string& path) {
  std::error_code error;
  fs::create_directories(path, error);
  return error ? base::ErrnoStatus(error.value(), base::Concat("create directory ", path)) : base::OkStatus();
}

base::Status RemoveOthers(const std::string& directory, const std::vector<std::string>& names) {
  std::error_code error;
  std::vector<std::string> others;
  for (fs::directory_iterator entry(directory, error), end; !error && entry != end; entry.increment(error)) {
    if (std::find(names.begin(), names.end(), entry->path().filename().string()) == names.end()) {
      others.push_back(entry->path().string());
    }
  }
  if (error && error != std::errc::no_such_file_or_directory) {
    return base::ErrnoStatus(error.value(), base::Concat("list ", directory));
  }
  for (const std::string& path : others) {
    TH_RETURN_IF_ERROR(RemoveTree(path));
  }
  return base::OkStatus();
}

base::Status DownloadBlock(const base::CancelToken& cancel, const Transfer& transfer, const block::Meta& meta,
                           const std::string& directory) {
  TH_ASSIGN_OR_RETURN(const auto files, FilesOf(cancel, transfer.bucket, meta));
  TH_RETURN_IF_ERROR(MakeDirectories(base::Concat(directory, "/", block::kChunksDirectory)));
  const std::vector<std::pair<std::string, int64_t>> list(files.begin(), files.end());
  TH_RETURN_IF_ERROR(concurrency::ParallelFor(
      transfer.pool, cancel, list.size(), std::max<size_t>(transfer.file_concurrency, 1),
      [&](const base::CancelToken& token, size_t i) {
        const auto& [rel_path, size] = list[i];
        return DownloadFile(token, transfer.bucket, base::Concat(meta.ulid.ToString(), "/", rel_path), size,
                            base::Concat(directory, "/", rel_path));
      }));
  return block::WriteMetaFile(directory, meta);
}

base::Status UploadBlock(const base::CancelToken& cancel, const Transfer& transfer,
                         const std::string& directory, const block::Meta& meta) {
  if (meta.external_labels().empty()) {
    return base::FailedPrecondition("block ", meta.ulid.ToString(), " has no external labels");
  }
  const std::string id = meta.ulid.ToString();
  std::vector<std::string> files;  // the index last
  for (const std::string& segment : meta.thanos->segment_files) {
    files.push_back(base::Concat(block::kChunksDirectory, "/", segment));
  }
  files.emplace_back(block::kIndexFileName);
  const auto upload = [&](const base::CancelToken& token, size_t i) {
    const std::string name = base::Concat(id, "/", files[i]);
    return base::Annotate(transfer.bucket.UploadFile(token, name, base::Concat(directory, "/", files[i])),
                          "uploading ", name);
  };
  const size_t concurrency = std::max<size_t>(transfer.file_concurrency, 1);
  TH_RETURN_IF_ERROR(concurrency::ParallelFor(transfer.pool, cancel, files.size() - 1, concurrency, upload));
  TH_RETURN_IF_ERROR(upload(cancel, files.size() - 1));
  TH_RETURN_IF_ERROR(concurrency::ParallelFor(
      transfer.pool, cancel, files.size(), concurrency, [&](const base::CancelToken& token, size_t i) {
        return Compare(token, transfer.bucket, base::Concat(id, "/", files[i]),
                       base::Concat(directory, "/", files[i]));
      }));
  return UploadMeta(cancel, transfer.bucket, meta);
}

}  // namespace thanos::compact
