#include "cache/internal/connection.h"

#include <algorithm>
#include <arpa/inet.h>
#include <cerrno>
#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/strings.h"

namespace thanos::cache::internal {
namespace {

constexpr size_t kReadBytes = 64 * 1024;
constexpr size_t kMaxLineBytes = 8 * 1024;
constexpr base::Duration kLongestWait = std::chrono::hours(1);

std::string LastTlsError() {
  const unsigned long code = ERR_get_error();
  if (code == 0) {
    return "connection closed";
  }
  char text[256];
  ERR_error_string_n(code, text, sizeof(text));
  ERR_clear_error();
  return text;
}

}  // namespace

TlsClient::~TlsClient() {
  SSL_CTX_free(context_);
}

base::StatusOr<std::shared_ptr<const TlsClient>> TlsClient::Create(const RemoteTlsConfig& config) {
  SSL_CTX* context = SSL_CTX_new(TLS_client_method());
  if (context == nullptr) {
    return base::Internal("TLS context: ", LastTlsError());
  }
  const std::shared_ptr<const TlsClient> client(new TlsClient(context, config));
  SSL_CTX_set_min_proto_version(context, TLS1_2_VERSION);
  SSL_CTX_set_options(context, SSL_OP_IGNORE_UNEXPECTED_EOF);
  if (config.insecure_skip_verify) {
    SSL_CTX_set_verify(context, SSL_VERIFY_NONE, nullptr);
  } else {
    SSL_CTX_set_verify(context, SSL_VERIFY_PEER, nullptr);
    const int loaded = config.ca_file.empty()
                           ? SSL_CTX_set_default_verify_paths(context)
                           : SSL_CTX_load_verify_locations(context, config.ca_file.c_str(), nullptr);
    if (loaded != 1) {
      return base::InvalidArgument("CA certificate ", config.ca_file, ": ", LastTlsError());
    }
  }
  if (!config.cert_file.empty() &&
      (SSL_CTX_use_certificate_chain_file(context, config.cert_file.c_str()) != 1 ||
       SSL_CTX_use_PrivateKey_file(context, config.key_file.c_str(), SSL_FILETYPE_PEM) != 1)) {
    return base::InvalidArgument("client certificate ", config.cert_file, " with key ", config.key_file, ": ",
                                 LastTlsError());
  }
  return client;
}

ssl_st* TlsClient::NewSession(const std::string& host) const {
  SSL* session = SSL_new(context_);
  if (session == nullptr) {
    return nullptr;
  }
  const std::string& name = config_.server_name.empty() ? host : config_.server_name;
  in6_addr address{};
  if (inet_pton(AF_INET, name.c_str(), &address) == 1 || inet_pton(AF_INET6, name.c_str(), &address) == 1) {
    X509_VERIFY_PARAM_set1_ip_asc(SSL_get0_param(session), name.c_str());
  } else {
    SSL_set_tlsext_host_name(session, name.c_str());
    SSL_set1_host(session, name.c_str());
  }
  return session;
}

Connection::~Connection() {
  if (session_ != nullptr) {
    SSL_free(session_);
  }
  close(fd_);
}

base::StatusOr<int> Connection::Connect(const base::CancelToken& cancel, const std::string& ip,
                                        const std::string& port) {
  addrinfo hints{};
  hints.ai_flags = AI_NUMERICHOST | AI_NUMERICSERV;
  hints.ai_socktype = SOCK_STREAM;
  addrinfo* found = nullptr;
  if (getaddrinfo(ip.c_str(), port.c_str(), &hints, &found) != 0) {
    return base::InvalidArgument("malformed address ", ip, ":", port);
  }
  const std::unique_ptr<addrinfo, decltype(&freeaddrinfo)> owner(found, &freeaddrinfo);
  const int fd = socket(found->ai_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
  if (fd < 0) {
    return base::ErrnoStatus(errno, "socket");
  }
  const int on = 1;
  (void)setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
  if (connect(fd, found->ai_addr, found->ai_addrlen) == 0) {
    return fd;
  }
  int error = errno;
  if (error == EINPROGRESS) {
    pollfd waiting{fd, POLLOUT, 0};
    const auto left_ms =
        std::chrono::duration_cast<std::chrono::milliseconds>(cancel.Remaining(kLongestWait));
    error = poll(&waiting, 1, static_cast<int>(left_ms.count())) == 1 ? 0 : ETIMEDOUT;
    socklen_t size = sizeof(error);
    if (error == 0 && getsockopt(fd, SOL_SOCKET, SO_ERROR, &error, &size) == 0 && error == 0) {
      return fd;
    }
  }
  close(fd);
  return base::Unavailable("connect to ", ip, ":", port, ": ", strerror(error));
}

base::StatusOr<std::unique_ptr<Connection>> Connection::Dial(const base::CancelToken& cancel,
                                                             const std::vector<std::string>& ips,
                                                             const std::string& port, const TlsClient* tls,
                                                             const std::string& host) {
  base::Status last = base::Unavailable("no address of ", host);
  for (const std::string& ip : ips) {
    TH_RETURN_IF_ERROR(cancel.status());
    auto fd = Connect(cancel, ip, port);
    last = fd.status();
    if (!fd.ok()) {
      continue;
    }
    std::unique_ptr<Connection> connection(new Connection(*fd));
    last = tls != nullptr ? connection->StartTls(cancel, *tls, host) : base::OkStatus();
    if (last.ok()) {
      return connection;
    }
  }
  return last;
}

base::Status Connection::WaitFor(const base::CancelToken& cancel, int16_t events) const {
  while (true) {
    TH_RETURN_IF_ERROR(cancel.status());
    pollfd waiting{fd_, events, 0};
    const auto left_ms =
        std::chrono::duration_cast<std::chrono::milliseconds>(cancel.Remaining(kLongestWait));
    const int ready = poll(&waiting, 1, static_cast<int>(left_ms.count()) + 1);
    if (ready > 0) {
      return base::OkStatus();
    }
    if (ready < 0 && errno != EINTR) {
      return base::ErrnoStatus(errno, "poll");
    }
  }
}

base::Status Connection::WaitForTls(const base::CancelToken& cancel, int result,
                                    std::string_view doing) const {
  switch (SSL_get_error(session_, result)) {
    case SSL_ERROR_WANT_READ:
      return WaitFor(cancel, POLLIN);
    case SSL_ERROR_WANT_WRITE:
      return WaitFor(cancel, POLLOUT);
    default:
      return base::Unavailable(doing, ": ", LastTlsError());
  }
}

base::Status Connection::StartTls(const base::CancelToken& cancel, const TlsClient& tls,
                                  const std::string& host) {
  session_ = tls.NewSession(host);
  if (session_ == nullptr || SSL_set_fd(session_, fd_) != 1) {
    return base::Internal("TLS session: ", LastTlsError());
  }
  while (true) {
    ERR_clear_error();
    const int result = SSL_connect(session_);
    if (result == 1) {
      return base::OkStatus();
    }
    TH_RETURN_IF_ERROR(WaitForTls(cancel, result, "TLS handshake"));
  }
}

base::Status Connection::Write(const base::CancelToken& cancel, std::string_view bytes) {
  while (!bytes.empty()) {
    if (session_ != nullptr) {
      ERR_clear_error();
      const int written =
          SSL_write(session_, bytes.data(), static_cast<int>(std::min(bytes.size(), kReadBytes)));
      if (written > 0) {
        bytes.remove_prefix(static_cast<size_t>(written));
      } else {
        TH_RETURN_IF_ERROR(WaitForTls(cancel, written, "write"));
      }
      continue;
    }
    const ssize_t written = send(fd_, bytes.data(), bytes.size(), MSG_NOSIGNAL);
    if (written >= 0) {
      bytes.remove_prefix(static_cast<size_t>(written));
    } else if (errno == EAGAIN) {
      TH_RETURN_IF_ERROR(WaitFor(cancel, POLLOUT));
    } else if (errno != EINTR) {
      return base::Unavailable("write: ", strerror(errno));
    }
  }
  return base::OkStatus();
}

base::Status Connection::Fill(const base::CancelToken& cancel) {
  if (position_ == received_.size()) {
    received_.clear();
    position_ = 0;
  }
  const size_t before = received_.size();
  received_.resize(before + kReadBytes);
  base::Status status;
  ssize_t count = 0;
  while (status.ok()) {
    if (session_ != nullptr) {
      ERR_clear_error();
      count = SSL_read(session_, received_.data() + before, static_cast<int>(kReadBytes));
      if (count > 0) {
        break;
      }
      status = WaitForTls(cancel, static_cast<int>(count), "read");
      continue;
    }
    count = recv(fd_, received_.data() + before, kReadBytes, 0);
    if (count > 0) {
      break;
    }
    if (count == 0) {
      status = base::Unavailable("read: connection closed");
    } else if (errno == EAGAIN) {
      status = WaitFor(cancel, POLLIN);
    } else if (errno != EINTR) {
      status = base::Unavailable("read: ", strerror(errno));
    }
  }
  received_.resize(before + (status.ok() ? static_cast<size_t>(count) : 0));
  return status;
}

base::StatusOr<std::string> Connection::ReadLine(const base::CancelToken& cancel) {
  while (true) {
    const size_t end = received_.find("\r\n", position_);
    if (end != std::string::npos) {
      std::string line = received_.substr(position_, end - position_);
      position_ = end + 2;
      return line;
    }
    if (received_.size() - position_ > kMaxLineBytes) {
      return base::DataLoss("reply line of more than ", kMaxLineBytes, " bytes");
    }
    TH_RETURN_IF_ERROR(Fill(cancel));
  }
}

base::StatusOr<std::string> Connection::ReadBytes(const base::CancelToken& cancel, size_t num_bytes) {
  std::string bytes;
  while (true) {
    const size_t taken = std::min(num_bytes - bytes.size(), received_.size() - position_);
    bytes.append(received_, position_, taken);
    position_ += taken;
    if (bytes.size() == num_bytes) {
      return bytes;
    }
    TH_RETURN_IF_ERROR(Fill(cancel));
  }
}

bool Connection::IsStale() const {
  if (position_ != received_.size()) {
    return true;
  }
  // TLS records that carry no data (session tickets) may wait here; they are no sign of trouble.
  char byte = 0;
  const ssize_t count = recv(fd_, &byte, 1, MSG_PEEK | MSG_DONTWAIT);
  return count == 0 || (count > 0 && session_ == nullptr) || (count < 0 && errno != EAGAIN && errno != EINTR);
}

void Connection::Interrupt() {
  (void)shutdown(fd_, SHUT_RDWR);
}

}  // namespace thanos::cache::internal
