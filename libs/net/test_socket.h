#pragma once

// A blocking client socket for tests that need to misbehave in ways an HTTP client does not.

#include <arpa/inet.h>
#include <gtest/gtest.h>
#include <netinet/in.h>
#include <string>
#include <string_view>
#include <sys/socket.h>
#include <unistd.h>

namespace thanos::net {

// Connects `fd` to the port on loopback; negative when refused.
inline int ConnectTo(int fd, int port) {
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_port = htons(static_cast<uint16_t>(port));
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  return connect(fd, reinterpret_cast<sockaddr*>(&address), sizeof(address));
}

inline int TryConnect(int port) {
  const int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  const int result = ConnectTo(fd, port);
  close(fd);
  return result;
}

class TestSocket {
 public:
  explicit TestSocket(int port) : fd_(socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)) {
    const timeval timeout{20, 0};
    setsockopt(fd_, SOL_SOCKET, SO_RCVTIMEO, &timeout, sizeof(timeout));
    EXPECT_EQ(ConnectTo(fd_, port), 0);
  }
  ~TestSocket() { Close(); }
  TestSocket(const TestSocket&) = delete;
  TestSocket& operator=(const TestSocket&) = delete;

  void Close() {
    if (fd_ >= 0) {
      close(fd_);
      fd_ = -1;
    }
  }
  void Send(std::string_view text) {
    while (!text.empty()) {
      const ssize_t sent = send(fd_, text.data(), text.size(), MSG_NOSIGNAL);
      if (sent <= 0) {
        return;
      }
      text.remove_prefix(static_cast<size_t>(sent));
    }
  }
  // Everything until the server closes.
  std::string ReadAll() {
    std::string out;
    while (ReadSome(&out)) {
    }
    return out;
  }
  // Reads until `out` contains `text`; false when the connection ends before.
  bool ReadUntil(std::string_view text, std::string* out) {
    while (out->find(text) == std::string::npos) {
      if (!ReadSome(out)) {
        return false;
      }
    }
    return true;
  }

 private:
  bool ReadSome(std::string* out) {
    char buffer[4096];
    const ssize_t got = recv(fd_, buffer, sizeof(buffer), 0);
    if (got <= 0) {
      return false;
    }
    out->append(buffer, static_cast<size_t>(got));
    return true;
  }
  int fd_;
};

}  // namespace thanos::net
