#pragma once

// The narrow file interface of the log: everything it asks of the operating system, so that tests can refuse,
// shorten or lose any single call.

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "base/bytes.h"
#include "base/status.h"

namespace thanos::wal {

// A file open for appending. Not thread-safe. The destructor closes without reporting errors.
class WritableFile {
 public:
  virtual ~WritableFile() = default;
  // Appends once; answers the number of bytes written, which may be below data.size().
  // ResourceExhausted: no space. Internal: other errors of the system.
  virtual base::StatusOr<size_t> Write(std::string_view data) = 0;
  // Data and size survive loss of power once this is OK. After an error the unsynced bytes must be taken as
  // lost.
  virtual base::Status Sync() = 0;
  // Cuts the file to `num_bytes`, which must not be above its size; later writes append there.
  virtual base::Status Truncate(uint64_t num_bytes) = 0;
  virtual base::Status Close() = 0;
};

// Thread-safe. Paths are those of the system; NotFound where one does not exist.
class FileSystem {
 public:
  virtual ~FileSystem() = default;
  // A new file; AlreadyExists when the path is taken.
  virtual base::StatusOr<std::unique_ptr<WritableFile>> Create(const std::string& path) = 0;
  // The whole content, mapped where possible: see base::IsIntact for files cut while they are read.
  virtual base::StatusOr<base::SharedBytes> Read(const std::string& path) = 0;
  // Names in a directory, sorted, without "." and "..".
  virtual base::StatusOr<std::vector<std::string>> List(const std::string& directory) = 0;
  // OK when it exists already; the parent must exist.
  virtual base::Status CreateDirectory(const std::string& path) = 0;
  // Replaces a file at `to`.
  virtual base::Status Rename(const std::string& from, const std::string& to) = 0;
  // A file or an empty directory.
  virtual base::Status Remove(const std::string& path) = 0;
  // Creations, renames and removals in `directory` survive loss of power once this is OK.
  virtual base::Status SyncDirectory(const std::string& directory) = 0;
};

// The file system of the machine. Files are made with mode 0640, directories with 0750.
class SystemFileSystem final : public FileSystem {
 public:
  base::StatusOr<std::unique_ptr<WritableFile>> Create(const std::string& path) override;
  base::StatusOr<base::SharedBytes> Read(const std::string& path) override;
  base::StatusOr<std::vector<std::string>> List(const std::string& directory) override;
  base::Status CreateDirectory(const std::string& path) override;
  base::Status Rename(const std::string& from, const std::string& to) override;
  base::Status Remove(const std::string& path) override;
  base::Status SyncDirectory(const std::string& directory) override;
};

}  // namespace thanos::wal
