#include "cache/fake_server.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/strings.h"

namespace thanos::cache {
namespace {

constexpr int kPollMs = 20;

}  // namespace

FakeServer::FakeServer(Protocol protocol) : protocol_(protocol) {
  listen_fd_ = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  (void)bind(listen_fd_, reinterpret_cast<const sockaddr*>(&address), sizeof(address));
  (void)listen(listen_fd_, 64);
  socklen_t size = sizeof(address);
  (void)getsockname(listen_fd_, reinterpret_cast<sockaddr*>(&address), &size);
  port_ = ntohs(address.sin_port);
  acceptor_ = std::thread([this] { Accept(); });
}

FakeServer::~FakeServer() {
  stopping_ = true;
  acceptor_.join();
  std::vector<std::thread> threads;
  {
    base::MutexLock lock(mutex_);
    threads.swap(threads_);
  }
  for (std::thread& thread : threads) {
    thread.join();
  }
  close(listen_fd_);
}

std::string FakeServer::address() const {
  return base::Concat("127.0.0.1:", port_);
}

size_t FakeServer::num_items() {
  base::MutexLock lock(mutex_);
  return items_.size();
}

void FakeServer::Accept() {
  while (!stopping_) {
    pollfd waiting{listen_fd_, POLLIN, 0};
    if (poll(&waiting, 1, kPollMs) != 1) {
      continue;
    }
    const int fd = accept4(listen_fd_, nullptr, nullptr, SOCK_CLOEXEC);
    if (fd >= 0) {
      ++num_connections_;
      base::MutexLock lock(mutex_);
      threads_.emplace_back([this, fd] { Serve(fd); });
    }
  }
}

void FakeServer::Serve(int fd) {
  std::string buffer;
  bool open = true;
  while (open && !stopping_) {
    pollfd waiting{fd, POLLIN, 0};
    if (poll(&waiting, 1, kPollMs) != 1) {
      continue;
    }
    char bytes[4096];
    const ssize_t count = recv(fd, bytes, sizeof(bytes), 0);
    if (count <= 0) {
      break;
    }
    buffer.append(bytes, static_cast<size_t>(count));
    std::string reply;
    while (open && (protocol_ == Protocol::kMemcached ? TakeMemcached(&buffer, &reply)
                                                      : TakeRedis(&buffer, &reply))) {
      ++num_requests_;
      const Mode mode = mode_;
      if (mode == Mode::kHang) {
        reply.clear();
      } else if (mode == Mode::kClose) {
        reply.clear();
        open = false;
      } else if (mode == Mode::kCut) {
        reply.resize(reply.size() / 2);
        open = false;
      } else if (mode == Mode::kNonsense) {
        reply = "nonsense\r\n";
      }
    }
    (void)send(fd, reply.data(), reply.size(), MSG_NOSIGNAL);
  }
  close(fd);
}

std::string FakeServer::ValueOf(const std::string& key, bool* found) {
  base::MutexLock lock(mutex_);
  const auto item = items_.find(key);
  *found = item != items_.end();
  std::string value = *found ? item->second : "";
  if (mode_ == Mode::kFlip && !value.empty()) {
    value.back() = static_cast<char>(value.back() ^ 1);
  }
  return value;
}

bool FakeServer::TakeMemcached(std::string* buffer, std::string* reply) {
  const size_t end = buffer->find("\r\n");
  if (end == std::string::npos) {
    return false;
  }
  const std::string line = buffer->substr(0, end);
  const auto words = base::Split(line, ' ');
  if (words[0] == "get") {
    for (size_t i = 1; i < words.size(); ++i) {
      bool found = false;
      const std::string value = ValueOf(std::string(words[i]), &found);
      if (found) {
        base::Append(*reply, "VALUE ", words[i], " 0 ", value.size(), "\r\n", value, "\r\n");
      }
    }
    *reply += "END\r\n";
    buffer->erase(0, end + 2);
    return true;
  }
  const size_t size = words.size() == 5 ? base::ParseUint64(words[4]).value_or(0) : 0;
  if (buffer->size() < end + 2 + size + 2) {
    return false;
  }
  if (mode_ == Mode::kRefuse) {
    *reply += "SERVER_ERROR object too large for cache\r\n";
  } else {
    *reply += "STORED\r\n";
    base::MutexLock lock(mutex_);
    items_[std::string(words[1])] = buffer->substr(end + 2, size);
  }
  buffer->erase(0, end + 2 + size + 2);
  return true;
}

bool FakeServer::TakeRedis(std::string* buffer, std::string* reply) {
  size_t position = 0;
  const auto take_line = [&](std::string* line) {
    const size_t end = buffer->find("\r\n", position);
    if (end == std::string::npos) {
      return false;
    }
    *line = buffer->substr(position, end - position);
    position = end + 2;
    return true;
  };
  std::string line;
  if (!take_line(&line)) {
    return false;
  }
  std::vector<std::string> words(base::ParseUint64(line.substr(1)).value_or(0));
  for (std::string& word : words) {
    if (!take_line(&line)) {
      return false;
    }
    const size_t size = base::ParseUint64(line.substr(1)).value_or(0);
    if (buffer->size() < position + size + 2) {
      return false;
    }
    word = buffer->substr(position, size);
    position += size + 2;
  }
  buffer->erase(0, position);
  if (words[0] == "MGET") {
    base::Append(*reply, '*', words.size() - 1, "\r\n");
    for (size_t i = 1; i < words.size(); ++i) {
      bool found = false;
      const std::string value = ValueOf(words[i], &found);
      *reply += found ? base::Concat('$', value.size(), "\r\n", value, "\r\n") : std::string("$-1\r\n");
    }
  } else if (words[0] == "SET" && mode_ == Mode::kRefuse) {
    *reply += "-OOM command not allowed when used memory > 'maxmemory'.\r\n";
  } else if (words[0] == "SENTINEL") {
    base::Append(*reply, "*2\r\n$9\r\n127.0.0.1\r\n$", base::Concat(port_).size(), "\r\n", port_, "\r\n");
  } else if (words[0] == "AUTH" && words.back() != "secret") {
    *reply += "-WRONGPASS invalid username-password pair or user is disabled.\r\n";
  } else {
    *reply += "+OK\r\n";
    base::MutexLock lock(mutex_);
    if (words[0] == "SET") {
      items_[words[1]] = words[2];
    }
  }
  return true;
}

}  // namespace thanos::cache
