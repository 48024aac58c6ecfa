#pragma once

// The queries that run, in a file that survives the process: after a crash the next start tells which they
// were. The file queries.active is Prometheus': "[", then one slot per query, its JSON and a comma padded
// with zero bytes.

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "base/mutex.h"
#include "base/status.h"

namespace thanos::query {

// Thread-safe.
class ActiveQueryLog {
 public:
  // Creates `directory` when needed, logs what an earlier process left and starts anew with `slots` places.
  static base::StatusOr<std::unique_ptr<ActiveQueryLog>> Open(const std::string& directory, int slots);
  ~ActiveQueryLog();
  ActiveQueryLog(const ActiveQueryLog&) = delete;
  ActiveQueryLog& operator=(const ActiveQueryLog&) = delete;

  // While it lives the query is in the file.
  class Entry {
   public:
    Entry() = default;
    Entry(ActiveQueryLog* log, int slot) : log_(log), slot_(slot) {}
    ~Entry();
    Entry(Entry&& other) noexcept;
    Entry& operator=(Entry&& other) = delete;
    Entry(const Entry&) = delete;

   private:
    ActiveQueryLog* log_ = nullptr;
    int slot_ = 0;
  };
  // A query that finds no free slot is not recorded. `now_s` are Unix seconds.
  Entry Begin(std::string_view query, int64_t now_s);

 private:
  ActiveQueryLog(int fd, int slots);
  void End(int slot);

  const int fd_;
  base::Mutex mutex_;
  std::vector<int> free_ ABSL_GUARDED_BY(mutex_);
};

// The entries in the bytes of such a file, in order, as JSON texts; damaged ones are left out.
std::vector<std::string> UnfinishedQueries(std::string_view content);

}  // namespace thanos::query
