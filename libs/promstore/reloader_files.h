#pragma once

// Private: files of the reloader.

#include <string>
#include <string_view>
#include <vector>

#include "base/status.h"

namespace thanos::promstore {

// All regular files below `directory`, sorted, symbolic links to files included; and the directories, itself
// first.
struct Tree {
  std::vector<std::string> files;
  std::vector<std::string> directories;
};
base::StatusOr<Tree> ListTree(const std::string& directory);

// SHA-256 over named texts.
class TreeDigest {
 public:
  TreeDigest();
  ~TreeDigest();
  TreeDigest(const TreeDigest&) = delete;
  TreeDigest& operator=(const TreeDigest&) = delete;
  void Add(std::string_view name, std::string_view content);
  std::string Finish();

 private:
  void Update(std::string_view data);
  void* context_;
};

// DataLoss: not gzip. ResourceExhausted: more than `max_bytes`.
base::StatusOr<std::string> Gunzip(std::string_view compressed, size_t max_bytes);

// Replaces `path` in one step, unless it has that content already. Readable by everybody: Prometheus may run
// as another user.
base::Status WriteAtomically(const std::string& path, std::string_view content);

// Sends SIGHUP to the process whose executable is named `name`. NotFound when there is none.
base::Status SignalProcess(const std::string& name);

}  // namespace thanos::promstore
