#include <cerrno>
#include <event2/bufferevent_ssl.h>
#include <event2/event.h>
#include <event2/listener.h>
#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/check.h"
#include "base/strings.h"
#include "net/http_connection.h"

namespace thanos::net {
namespace {

constexpr size_t kMaxConnectionsPerLoop = 4096;

std::string AddressText(const sockaddr* address, int length) {
  char host[NI_MAXHOST];
  char port[NI_MAXSERV];
  if (getnameinfo(address, static_cast<socklen_t>(length), host, sizeof(host), port, sizeof(port),
                  NI_NUMERICHOST | NI_NUMERICSERV) != 0) {
    return "";
  }
  const bool v6 = std::string_view(host).find(':') != std::string_view::npos;
  return base::Concat(v6 ? "[" : "", host, v6 ? "]:" : ":", port);
}

}  // namespace

HttpLoop::HttpLoop(const HttpServerOptions& options, RequestSink& sink)
    : options_(options), sink_(sink), wake_fd_(eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC)) {
  // Everything of a base is touched by its own thread only; other threads go through the event descriptor.
  event_config* config = event_config_new();
  event_config_set_flag(config, EVENT_BASE_FLAG_NOLOCK);
  base_.reset(event_base_new_with_config(config));
  event_config_free(config);
  TH_CHECK(base_ != nullptr && wake_fd_ >= 0);
  wake_event_.reset(event_new(base_.get(), wake_fd_, EV_READ | EV_PERSIST, &HttpLoop::OnWake, this));
  resume_event_.reset(evtimer_new(base_.get(), &HttpLoop::OnAcceptResume, this));
  event_add(wake_event_.get(), nullptr);
}

HttpLoop::~HttpLoop() {
  connections_.clear();
  listener_.reset();
  wake_event_.reset();
  resume_event_.reset();
  base_.reset();
  close(wake_fd_);
}

base::Status HttpLoop::Listen(int listen_fd) {
  listener_.reset(
      evconnlistener_new(base_.get(), &HttpLoop::OnAccept, this, LEV_OPT_CLOSE_ON_EXEC, -1, listen_fd));
  if (listener_ == nullptr) {
    return base::ErrnoStatus(errno, "listening");
  }
  evconnlistener_set_error_cb(listener_.get(), &HttpLoop::OnAcceptError);
  return base::OkStatus();
}

void HttpLoop::Run() {
  event_base_loop(base_.get(), EVLOOP_NO_EXIT_ON_EMPTY);
}

void HttpLoop::Stop() {
  Post([this] {
    listener_.reset();
    connections_.clear();
    event_base_loopbreak(base_.get());
  });
}

void HttpLoop::Post(std::function<void()> task) {
  {
    base::MutexLock lock(mutex_);
    posted_.push_back(std::move(task));
  }
  const uint64_t one = 1;
  // A full counter wakes the loop just as well.
  [[maybe_unused]] const ssize_t written = write(wake_fd_, &one, sizeof(one));
}

void HttpLoop::RunPosted() {
  uint64_t count = 0;
  [[maybe_unused]] const ssize_t got = read(wake_fd_, &count, sizeof(count));
  std::vector<std::function<void()>> tasks;
  {
    base::MutexLock lock(mutex_);
    tasks.swap(posted_);
  }
  for (const auto& task : tasks) {
    task();
  }
}

void HttpLoop::Respond(uint64_t connection_id, HttpResponse response) {
  auto shared = std::make_shared<HttpResponse>(std::move(response));
  Post([this, connection_id, shared] {
    if (const auto it = connections_.find(connection_id); it != connections_.end()) {
      it->second->Respond(std::move(*shared));
    }
  });
}

void HttpLoop::Drain() {
  Post([this] {
    listener_.reset();
    event_del(resume_event_.get());
    std::erase_if(connections_, [](const auto& entry) { return entry.second->idle(); });
  });
}

void HttpLoop::CancelAll() {
  Post([this] {
    for (const auto& entry : connections_) {
      entry.second->Cancel();
    }
  });
}

void HttpLoop::Close(uint64_t connection_id) {
  connections_.erase(connection_id);
}

void HttpLoop::OnWake(int, short, void* self) {
  static_cast<HttpLoop*>(self)->RunPosted();
}

void HttpLoop::OnAccept(evconnlistener*, int fd, sockaddr* address, int length, void* self) {
  auto& loop = *static_cast<HttpLoop*>(self);
  if (loop.connections_.size() >= kMaxConnectionsPerLoop) {
    close(fd);
    return;
  }
  const int one = 1;
  setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one));
  std::shared_ptr<const TlsContext> tls;
  if (loop.sink_.uses_tls()) {
    tls = loop.sink_.CurrentTls();
    if (tls == nullptr) {
      close(fd);
      return;
    }
  }
  EventPtr<bufferevent> stream = loop.NewStream(fd, tls.get());
  if (stream == nullptr) {
    close(fd);
    return;
  }
  const uint64_t id = loop.next_id_++;
  loop.connections_.emplace(id, std::make_unique<HttpConnection>(loop, id, std::move(stream), std::move(tls),
                                                                 AddressText(address, length)));
}

// Null, with `fd` left open, when out of memory.
EventPtr<bufferevent> HttpLoop::NewStream(int fd, const TlsContext* tls) {
  if (tls == nullptr) {
    return EventPtr<bufferevent>(bufferevent_socket_new(base_.get(), fd, BEV_OPT_CLOSE_ON_FREE));
  }
  SSL* session = tls->NewSession();
  if (session == nullptr) {
    return nullptr;
  }
  EventPtr<bufferevent> stream(bufferevent_openssl_socket_new(
      base_.get(), fd, session, BUFFEREVENT_SSL_ACCEPTING, BEV_OPT_CLOSE_ON_FREE));
  if (stream == nullptr) {
    SSL_free(session);
    return nullptr;
  }
  bufferevent_openssl_set_allow_dirty_shutdown(stream.get(), 1);
  return stream;
}

// Out of descriptors: the waiting connection stays readable, so accepting rests instead of spinning.
void HttpLoop::OnAcceptError(evconnlistener* listener, void* self) {
  evconnlistener_disable(listener);
  const timeval pause{0, 100'000};
  evtimer_add(static_cast<HttpLoop*>(self)->resume_event_.get(), &pause);
}

void HttpLoop::OnAcceptResume(int, short, void* self) {
  if (auto& loop = *static_cast<HttpLoop*>(self); loop.listener_ != nullptr) {
    evconnlistener_enable(loop.listener_.get());
  }
}

}  // namespace thanos::net
