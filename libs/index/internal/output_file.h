#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

#include "base/status.h"

namespace thanos::index::internal {

// A buffered file that is written from start to end, with single fields patched later. Not thread-safe.
// Destroying it before Finish() removes the file.
class OutputFile {
 public:
  // Creates or truncates `path`.
  static base::StatusOr<std::unique_ptr<OutputFile>> Create(const std::string& path);
  ~OutputFile();
  OutputFile(const OutputFile&) = delete;
  OutputFile& operator=(const OutputFile&) = delete;

  base::Status Append(std::string_view bytes);
  // Overwrites bytes already appended.
  base::Status Patch(uint64_t offset, std::string_view bytes);
  // Zeros up to the next multiple of `alignment`.
  base::Status Pad(uint64_t alignment);
  // Hands buffered bytes to the system.
  base::Status Flush();
  // Flushes, syncs and closes; the file stays.
  base::Status Finish();

  // Bytes appended so far.
  uint64_t position() const { return position_; }
  const std::string& path() const { return path_; }

 private:
  OutputFile(std::string path, int file) : path_(std::move(path)), file_(file) {}
  base::Status WriteAt(uint64_t offset, std::string_view bytes);

  const std::string path_;
  int file_;
  std::string buffer_;
  uint64_t position_ = 0;
};

// Makes a rename or creation inside the directory of `path` durable.
base::Status SyncParentDirectory(const std::string& path);

}  // namespace thanos::index::internal
