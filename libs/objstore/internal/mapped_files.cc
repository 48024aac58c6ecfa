#include "objstore/internal/mapped_files.h"

#include "base/file_mapping.h"

namespace thanos::objstore::internal {

base::SharedBytes MappedFiles::Find(std::string_view path, const FileIdentity& identity) {
  base::MutexLock lock(mutex_);
  const auto entry = entries_.find(path);
  if (entry == entries_.end() || entry->second.identity != identity) {
    return {};
  }
  entry->second.last_used = ++uses_;
  return entry->second.bytes;
}

base::StatusOr<base::SharedBytes> MappedFiles::Map(const std::string& path, int fd,
                                                   const FileIdentity& identity) {
  TH_ASSIGN_OR_RETURN(const base::SharedBytes bytes,
                      base::MapForReading(fd, path, static_cast<size_t>(identity.size_bytes)));

  base::SharedBytes evicted;  // unmapped after the lock is released
  base::MutexLock lock(mutex_);
  if (entries_.size() >= max_files_ && !entries_.contains(path)) {
    auto oldest = entries_.begin();
    for (auto entry = entries_.begin(); entry != entries_.end(); ++entry) {
      if (entry->second.last_used < oldest->second.last_used) {
        oldest = entry;
      }
    }
    evicted = std::move(oldest->second.bytes);
    entries_.erase(oldest);
  }
  entries_[path] = Entry{identity, bytes, ++uses_};
  return bytes;
}

void MappedFiles::Forget(std::string_view path) {
  base::SharedBytes forgotten;
  base::MutexLock lock(mutex_);
  const auto entry = entries_.find(path);
  if (entry != entries_.end()) {
    forgotten = std::move(entry->second.bytes);
    entries_.erase(entry);
  }
}

}  // namespace thanos::objstore::internal
