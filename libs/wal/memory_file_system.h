#pragma once

// A file system in memory for tests of whatever writes logs: refuses or shortens the n-th call, and loses
// what was not synced when the power goes.

#include <cstdint>
#include <map>
#include <memory>
#include <random>
#include <string>
#include <string_view>
#include <vector>

#include "base/mutex.h"
#include "wal/file_system.h"

namespace thanos::wal {

enum class Fault : uint8_t {
  kNone,
  kNoSpace,     // the call answers ResourceExhausted; a write leaves half of its bytes behind
  kIoError,     // the call answers Internal and does nothing
  kShortWrite,  // a write takes half of its bytes and says so; another call fails as kIoError
  kPowerCut,    // this and all later calls fail until PowerOn
};

// Thread-safe.
class MemoryFileSystem final : public FileSystem {
 public:
  MemoryFileSystem();
  ~MemoryFileSystem() override;

  // The n-th call from now that changes something (0 is the next one) meets `fault`; with `until_told` all
  // calls after it too, until the next FailAt.
  void FailAt(uint64_t call, Fault fault, bool until_told = false);
  // Calls that change something, since construction.
  uint64_t num_calls() const;
  // Forgets what was not synced: names since the last SyncDirectory, bytes since the last Sync, of which a
  // random beginning may have reached the disk. Open files stay unusable.
  void PowerOn(uint64_t seed);
  // Replaces or creates a whole, synced file, and reads one: for tests that damage bytes.
  void Put(const std::string& path, std::string content);
  std::string Get(const std::string& path) const;

  base::StatusOr<std::unique_ptr<WritableFile>> Create(const std::string& path) override;
  base::StatusOr<base::SharedBytes> Read(const std::string& path) override;
  base::StatusOr<std::vector<std::string>> List(const std::string& directory) override;
  base::Status CreateDirectory(const std::string& path) override;
  base::Status Rename(const std::string& from, const std::string& to) override;
  base::Status Remove(const std::string& path) override;
  base::Status SyncDirectory(const std::string& directory) override;

 private:
  struct Node;
  class OpenFile;

  Fault NextFault() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  base::Status Refuse(std::string_view what, const std::string& path) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  // Null when there is none. `parent` (may be null) gets the directory, `name` the last part of the path.
  std::shared_ptr<Node> Find(const std::string& path, std::shared_ptr<Node>* parent, std::string* name) const
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  void Forget(Node& node, std::mt19937_64& random) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);

  mutable base::Mutex mutex_;
  std::shared_ptr<Node> root_ ABSL_GUARDED_BY(mutex_);
  uint64_t num_calls_ ABSL_GUARDED_BY(mutex_) = 0;
  uint64_t fail_at_ ABSL_GUARDED_BY(mutex_) = 0;
  Fault fault_ ABSL_GUARDED_BY(mutex_) = Fault::kNone;
  bool until_told_ ABSL_GUARDED_BY(mutex_) = false;
  bool power_is_off_ ABSL_GUARDED_BY(mutex_) = false;
  uint64_t generation_ ABSL_GUARDED_BY(mutex_) = 0;  // counts PowerOn
};

}  // namespace thanos::wal
