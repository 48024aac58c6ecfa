#pragma once

// A cache server on loopback for tests, in Memcached's or Redis' protocol, that can misbehave.

#include <atomic>
#include <map>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "base/mutex.h"

namespace thanos::cache {

class FakeServer {
 public:
  enum class Protocol { kMemcached, kRedis };
  // kHang: reads, never replies. kFlip: a byte of each value is changed. kClose: closes instead of replying.
  // kCut: closes in the middle of a reply. kRefuse: refuses to store. kNonsense: replies what is no reply.
  enum class Mode { kGood, kHang, kFlip, kClose, kCut, kRefuse, kNonsense };

  explicit FakeServer(Protocol protocol);
  ~FakeServer();

  std::string address() const;
  void SetMode(Mode mode) { mode_ = mode; }
  size_t num_items();
  size_t num_connections() const { return num_connections_; }
  size_t num_requests() const { return num_requests_; }

 private:
  void Accept();
  void Serve(int fd);
  // Takes a whole request off `buffer`; false when there is none yet.
  bool TakeMemcached(std::string* buffer, std::string* reply);
  bool TakeRedis(std::string* buffer, std::string* reply);
  std::string ValueOf(const std::string& key, bool* found);

  const Protocol protocol_;
  int listen_fd_ = -1;
  int port_ = 0;
  std::atomic<Mode> mode_ = Mode::kGood;
  std::atomic<bool> stopping_ = false;
  std::atomic<size_t> num_connections_ = 0;
  std::atomic<size_t> num_requests_ = 0;
  base::Mutex mutex_;
  std::map<std::string, std::string> items_ ABSL_GUARDED_BY(mutex_);
  std::vector<std::thread> threads_ ABSL_GUARDED_BY(mutex_);
  std::thread acceptor_;
};

}  // namespace thanos::cache
