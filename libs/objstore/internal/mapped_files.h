#pragma once

// Read-only mappings of immutable files, shared between readers.

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

#include "base/bytes.h"
#include "base/mutex.h"
#include "base/status.h"
#include "base/strings.h"

namespace thanos::objstore::internal {

// What tells one version of a file from another.
struct FileIdentity {
  uint64_t device = 0;
  uint64_t inode = 0;
  int64_t size_bytes = 0;
  int64_t modified_ns = 0;
  friend bool operator==(const FileIdentity&, const FileIdentity&) = default;
};

// Keeps the mappings used last. A mapping lives as long as a returned view's owner, also after it left the
// cache. Thread-safe.
class MappedFiles {
 public:
  explicit MappedFiles(size_t max_files) : max_files_(max_files) {}

  // The whole file at `path`, whose current identity the caller has just read from `fd`.
  base::StatusOr<base::SharedBytes> Map(const std::string& path, int fd, const FileIdentity& identity);
  // The cached mapping of `path` when it still is of `identity`; else empty bytes without owner.
  base::SharedBytes Find(std::string_view path, const FileIdentity& identity);
  void Forget(std::string_view path);

 private:
  struct Entry {
    FileIdentity identity;
    base::SharedBytes bytes;
    uint64_t last_used = 0;
  };
  const size_t max_files_;
  base::Mutex mutex_;
  uint64_t uses_ ABSL_GUARDED_BY(mutex_) = 0;
  base::StringMap<Entry> entries_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace thanos::objstore::internal
