#pragma once

// Private: waiting for changes in directories.

#include <map>
#include <set>
#include <string>

#include "base/cancel.h"
#include "base/status.h"

namespace thanos::promstore {

// inotify on directories. Not thread-safe.
class DirectoryWatch {
 public:
  DirectoryWatch();
  ~DirectoryWatch();
  DirectoryWatch(const DirectoryWatch&) = delete;
  DirectoryWatch& operator=(const DirectoryWatch&) = delete;

  // Watches exactly these directories from now on. An error names the first one that can not be watched; the
  // others are.
  base::Status Watch(const std::set<std::string>& directories);
  size_t num_watches() const { return directories_.size(); }
  // Returns after `timeout`, at a change or when `cancel` trips; the number of changes seen.
  int Wait(const base::CancelToken& cancel, base::Duration timeout);

 private:
  int TakeEvents();

  int inotify_fd_;
  int wake_fd_;
  std::map<int, std::string> directories_;  // by watch descriptor
};

}  // namespace thanos::promstore
