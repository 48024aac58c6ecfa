#pragma once

// Private: one client connection and the event loop it lives on.

#include <atomic>
#include <event2/bufferevent.h>
#include <event2/event.h>
#include <event2/listener.h>
#include <functional>
#include <memory>
#include <string>
#include <unordered_map>
#include <vector>

#include "base/cancel.h"
#include "base/mutex.h"
#include "net/http_message.h"
#include "net/http_server.h"
#include "net/tls_context.h"

namespace thanos::net {

class HttpConnection;
class HttpLoop;

// What loops need from the server. Called on loop threads; must not block.
class RequestSink {
 public:
  virtual ~RequestSink() = default;
  // Starts `message`; the answer comes back through HttpLoop::Respond with the same id.
  virtual void Handle(HttpLoop& loop, uint64_t connection_id, std::string remote_address, HttpMessage message,
                      const base::CancelToken& cancel) = 0;
  // One request handed to Handle has been answered completely or lost its client.
  virtual void Finished() = 0;
  virtual bool stopping() const = 0;
  virtual bool uses_tls() const = 0;
  // With TLS: what a new connection is made from; null refuses it.
  virtual std::shared_ptr<const TlsContext> CurrentTls() = 0;
};

struct EventDeleter {
  void operator()(event* pointer) const { event_free(pointer); }
  void operator()(event_base* pointer) const { event_base_free(pointer); }
  void operator()(evconnlistener* pointer) const { evconnlistener_free(pointer); }
  void operator()(bufferevent* pointer) const { bufferevent_free(pointer); }
};
template <typename T>
using EventPtr = std::unique_ptr<T, EventDeleter>;

// An event base with its connections. All but Post, Respond and Stop run on the loop's thread.
class HttpLoop {
 public:
  HttpLoop(const HttpServerOptions& options, RequestSink& sink);
  ~HttpLoop();

  // Before Run: takes part in accepting on `listen_fd`, which stays the caller's.
  base::Status Listen(int listen_fd);
  // Serves until Stop().
  void Run();
  void Stop();
  // Runs `task` on the loop soon. Thread-safe.
  void Post(std::function<void()> task);
  // Writes the answer to the request that `connection_id` is waiting for; dropped when the client left.
  // Thread-safe.
  void Respond(uint64_t connection_id, HttpResponse response);
  // Stops accepting and closes connections that wait for a request. Thread-safe.
  void Drain();
  // Trips the tokens of all running requests. Thread-safe.
  void CancelAll();

  // For connections.
  void Close(uint64_t connection_id);
  const HttpServerOptions& options() const { return options_; }
  RequestSink& sink() { return sink_; }
  event_base* base() { return base_.get(); }

 private:
  static void OnWake(int fd, short what, void* self);
  static void OnAccept(evconnlistener* listener, int fd, sockaddr* address, int length, void* self);
  static void OnAcceptError(evconnlistener* listener, void* self);
  EventPtr<bufferevent> NewStream(int fd, const TlsContext* tls);
  static void OnAcceptResume(int fd, short what, void* self);
  void RunPosted();

  const HttpServerOptions& options_;
  RequestSink& sink_;
  int wake_fd_ = -1;
  EventPtr<event_base> base_;
  EventPtr<event> wake_event_;
  EventPtr<event> resume_event_;
  EventPtr<evconnlistener> listener_;
  uint64_t next_id_ = 1;
  std::unordered_map<uint64_t, std::unique_ptr<HttpConnection>> connections_;
  base::Mutex mutex_;
  std::vector<std::function<void()>> posted_ ABSL_GUARDED_BY(mutex_);
};

// States: reading a request; waiting for its answer; writing the answer; again or closed. Requests sent ahead
// wait in the socket's buffer.
class HttpConnection {
 public:
  // `tls` is what the stream's session was made from; null for plaintext.
  HttpConnection(HttpLoop& loop, uint64_t id, EventPtr<bufferevent> stream,
                 std::shared_ptr<const TlsContext> tls, std::string remote_address);
  ~HttpConnection();

  void Respond(HttpResponse response);
  void Cancel() { cancel_.Cancel(); }
  // True when no request is being read, handled or answered.
  bool idle() const;

 private:
  static void OnRead(bufferevent* stream, void* self);
  static void OnWrite(bufferevent* stream, void* self);
  static void OnEvent(bufferevent* stream, short what, void* self);
  static void OnTimer(int fd, short what, void* self);
  // Each may destroy this connection, as its last act.
  void Read();
  void Written();
  void Close();
  void Reject();
  void EndWriting();
  void ArmTimer(base::Duration after);
  void WriteHead(const HttpResponse& response, size_t body_bytes, bool keep_alive);

  HttpLoop& loop_;
  const uint64_t id_;
  const std::string remote_address_;
  const std::shared_ptr<const TlsContext> tls_;  // outlives the stream
  EventPtr<bufferevent> stream_;
  EventPtr<event> timer_;
  HttpParser parser_;
  base::CancelSource cancel_;
  bool waiting_ = false;  // for the handler
  bool writing_ = false;  // the answer
  bool counted_ = false;  // the sink knows of the request
  bool head_only_ = false;
  bool keep_alive_ = true;
  bool http_1_1_ = true;
  bool lingering_ =
      false;  // answered; reads what the client still sends, so that it sees the answer before a reset
};

}  // namespace thanos::net
