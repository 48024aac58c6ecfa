#include "net/http_server.h"

#include <atomic>
#include <condition_variable>
#include <csignal>
#include <exception>
#include <latch>
#include <sys/socket.h>
#include <unistd.h>
#include <utility>

#include "base/check.h"
#include "base/mutex.h"
#include "base/strings.h"
#include "concurrency/thread_pool.h"
#include "model/ulid.h"
#include "net/http_connection.h"
#include "net/listen.h"
#include "net/response_encoding.h"
#include "net/router.h"
#include "net/url.h"
#include "net/web_guard.h"
#include "telemetry/log.h"

namespace thanos::net {
namespace {

constexpr int kPasswordThreads = 2;

// The path of an origin-form or absolute-form target and its query.
struct Target {
  std::string_view path;
  std::string_view query;
};

Target SplitTarget(std::string_view target) {
  if (!target.starts_with('/')) {
    const size_t scheme = target.find("://");
    const size_t slash = scheme == std::string_view::npos ? scheme : target.find('/', scheme + 3);
    target = slash == std::string_view::npos ? std::string_view("/") : target.substr(slash);
  }
  target = target.substr(0, target.find('#'));
  const size_t question = target.find('?');
  if (question == std::string_view::npos) {
    return {target, ""};
  }
  return {target.substr(0, question), target.substr(question + 1)};
}

bool IsForm(const HttpMessage& message) {
  if (message.method != "POST" && message.method != "PUT" && message.method != "PATCH") {
    return false;
  }
  const std::string* type = message.Header("content-type");
  if (type == nullptr) {
    return false;
  }
  return base::EqualsIgnoreCase(base::Trim(std::string_view(*type).substr(0, type->find(';'))),
                                "application/x-www-form-urlencoded");
}

// The client's name for the request when it is one that may be logged and passed on, else a new one.
std::string RequestId(const HttpMessage& message) {
  constexpr size_t kMaxBytes = 128;
  const std::string* id = message.Header("x-request-id");
  if (id != nullptr && !id->empty() && id->size() <= kMaxBytes && base::IsValidUtf8(*id)) {
    return *id;
  }
  return model::Ulid::Generate(base::SystemClock().NowMs()).ToString();
}

// Takes what it needs out of `message`; `target` holds views into it.
base::StatusOr<HttpRequest> Decode(HttpMessage& message, const Target& target, Parameters path_values) {
  HttpRequest request;
  TH_ASSIGN_OR_RETURN(request.path, Unescape(target.path, false));
  request.target = base::Concat(target.path, target.query.empty() ? "" : "?", target.query);
  if (IsForm(message)) {
    TH_ASSIGN_OR_RETURN(request.parameters, ParseQuery(message.body));
    message.body.clear();
  }
  TH_ASSIGN_OR_RETURN(Parameters query, ParseQuery(target.query));
  std::move(query.begin(), query.end(), std::back_inserter(request.parameters));
  request.path_values = std::move(path_values);
  request.request_id = RequestId(message);
  request.peer_subject = std::move(message.peer_subject);
  request.method = std::move(message.method);
  request.headers = std::move(message.headers);
  request.body = std::move(message.body);
  return request;
}

HttpResponse Unauthorized() {
  HttpResponse response = HttpResponse::Text(401, "Unauthorized\n");
  response.headers.push_back({"WWW-Authenticate", "Basic"});
  return response;
}

HttpResponse Overloaded() {
  HttpResponse response = HttpResponse::Text(503, "server is overloaded or stopping\n");
  response.headers.push_back({"Retry-After", "1"});
  return response;
}

class HttpServerImpl final : public HttpServer, public RequestSink {
 public:
  explicit HttpServerImpl(HttpServerOptions options) : options_(std::move(options)) {}
  ~HttpServerImpl() override { Stop(base::Duration::zero()); }

  void AddRoute(Route route) override {
    TH_CHECK(!started_);
    router_.Add(std::move(route));
  }
  void SetObserver(std::function<void(const Observation&)> observer) override {
    observer_ = std::move(observer);
  }
  int port() const override { return socket_.port; }

  base::Status Start() override {
    TH_CHECK(!started_);
    if (!options_.web_config_file.empty()) {
      auto guard = WebGuard::Open(options_.web_config_file);
      if (!guard.ok()) {
        return base::Annotate(guard.status(), "web configuration");
      }
      guard_ = *std::move(guard);
      password_workers_ = std::make_unique<concurrency::ThreadPool>("http-password", kPasswordThreads);
    }
    TH_ASSIGN_OR_RETURN(socket_, ListenOn(options_.address));
    for (int i = 0; i < options_.num_loops; ++i) {
      auto loop = std::make_unique<HttpLoop>(options_, *this);
      TH_RETURN_IF_ERROR(loop->Listen(socket_.fd));
      loops_.push_back(std::move(loop));
    }
    started_ = true;
    workers_ = std::make_unique<concurrency::ThreadPool>("http-worker", options_.num_workers);
    loop_threads_ = std::make_unique<concurrency::ThreadPool>("http-loop", options_.num_loops);
    for (const auto& loop : loops_) {
      loop_threads_->Submit([&loop] { loop->Run(); });
    }
    return base::OkStatus();
  }

  void Stop(base::Duration grace) override;

 private:
  void Handle(HttpLoop& loop, uint64_t connection_id, std::string remote_address, HttpMessage message,
              const base::CancelToken& cancel) override;
  void Finished() override;
  bool stopping() const override { return stopping_.load(std::memory_order_relaxed); }

  // One request on its way to a handler.
  struct Exchange {
    HttpLoop* loop = nullptr;
    uint64_t connection_id = 0;
    std::string remote_address;
    std::shared_ptr<HttpMessage> message;
    base::CancelToken cancel;
    base::TimePoint start;
    std::shared_ptr<WebSettings> settings;  // null without a web configuration
  };
  bool uses_tls() const override { return guard_ != nullptr && guard_->uses_tls(); }
  std::shared_ptr<const TlsContext> CurrentTls() override {
    const auto settings = guard_->Current();
    return settings == nullptr ? nullptr : settings->tls;
  }
  void CheckPassword(Exchange exchange, Credentials credentials);
  void Dispatch(Exchange exchange);
  // Answers at once, without a handler.
  void Refuse(const Exchange& exchange, HttpResponse response, std::string_view pattern = "") const {
    Observation observation;
    observation.pattern = pattern;
    observation.method = exchange.message->method;
    observation.request_bytes = exchange.message->num_bytes;
    Observe(observation, response, exchange.start);
    Send(exchange, std::move(response));
  }
  static void Send(const Exchange& exchange, HttpResponse response) {
    if (exchange.settings != nullptr) {
      const auto& headers = exchange.settings->headers;
      response.headers.insert(response.headers.end(), headers.begin(), headers.end());
    }
    exchange.loop->Respond(exchange.connection_id, std::move(response));
  }
  void Observe(Observation& observation, const HttpResponse& response, base::TimePoint start) const {
    if (observer_) {
      observation.status = response.status;
      observation.response_bytes = response.body.size();
      observation.duration = base::SteadyNow() - start;
      observer_(observation);
    }
  }
  static HttpResponse RunHandler(const Route& route, const HttpRequest& request);
  bool WaitUntilIdle(base::TimePoint deadline);

  const HttpServerOptions options_;
  Router router_;
  std::function<void(const Observation&)> observer_;
  ListenSocket socket_;
  bool started_ = false;
  std::atomic<bool> stopping_{false};
  std::atomic<int> num_submitted_{0};  // handlers queued or running
  base::Mutex mutex_;
  std::condition_variable changed_;
  int num_active_ ABSL_GUARDED_BY(mutex_) = 0;  // requests not answered yet
  std::vector<std::unique_ptr<HttpLoop>> loops_;
  std::unique_ptr<WebGuard> guard_;          // null without a web configuration
  std::atomic<int> num_password_checks_{0};  // queued or running
  std::unique_ptr<concurrency::ThreadPool> workers_;
  std::unique_ptr<concurrency::ThreadPool> password_workers_;
  std::unique_ptr<concurrency::ThreadPool> loop_threads_;
};

HttpResponse HttpServerImpl::RunHandler(const Route& route, const HttpRequest& request) {
  // Handlers do not throw; libraries below them may, and one request must not end the process.
  try {
    return route.handler(request);
  } catch (const std::exception& error) {
    TH_LOG(kError, "exception in HTTP handler")
        .With("handler", route.pattern)
        .With("err", std::string_view(error.what()));
  }
  return HttpResponse::Text(500, "Internal Server Error\n");
}

void HttpServerImpl::Handle(HttpLoop& loop, uint64_t connection_id, std::string remote_address,
                            HttpMessage message, const base::CancelToken& cancel) {
  {
    base::MutexLock lock(mutex_);
    ++num_active_;
  }
  Exchange exchange{&loop,
                    connection_id,
                    std::move(remote_address),
                    std::make_shared<HttpMessage>(std::move(message)),
                    cancel,
                    base::SteadyNow(),
                    nullptr};
  if (guard_ == nullptr) {
    return Dispatch(std::move(exchange));
  }
  exchange.settings = guard_->Current();
  if (exchange.settings == nullptr) {
    return Refuse(exchange, HttpResponse::Text(500, "the server's web configuration is not valid\n"));
  }
  if (!exchange.settings->rate.Take(exchange.start)) {
    return Refuse(exchange, HttpResponse::Text(429, "Too Many Requests\n"));
  }
  if (exchange.settings->passwords.empty()) {
    return Dispatch(std::move(exchange));
  }
  const std::string* header = exchange.message->Header("authorization");
  auto credentials = header == nullptr ? std::nullopt : ParseBasicAuth(*header);
  if (!credentials.has_value()) {
    return Refuse(exchange, Unauthorized());
  }
  if (exchange.settings->passwords.IsRemembered(*credentials)) {
    return Dispatch(std::move(exchange));
  }
  CheckPassword(std::move(exchange), *std::move(credentials));
}

// Off the loop, on threads of its own: guessing keeps neither loops nor handlers busy.
void HttpServerImpl::CheckPassword(Exchange exchange, Credentials credentials) {
  if (stopping() || num_password_checks_.load() >= options_.max_queued_requests) {
    return Refuse(exchange, Overloaded());
  }
  ++num_password_checks_;
  password_workers_->Submit(
      [this, exchange = std::move(exchange), credentials = std::move(credentials)]() mutable {
        PasswordCheck& passwords = exchange.settings->passwords;
        if (!exchange.cancel.cancelled()) {
          if (passwords.IsRemembered(credentials) || passwords.IsRight(credentials)) {
            Dispatch(std::move(exchange));
          } else {
            Refuse(exchange, Unauthorized());
          }
        }
        --num_password_checks_;
      });
}

void HttpServerImpl::Dispatch(Exchange exchange) {
  const Target target = SplitTarget(exchange.message->target);
  auto match = router_.Find(exchange.message->method, target.path);
  if (!match.ok()) {
    return Refuse(exchange, HttpResponse::Text(400, "Bad Request\n"));
  }
  if (match->route == nullptr) {
    if (!match->path_known) {
      return Refuse(exchange, HttpResponse::Text(404, "404 page not found\n"));
    }
    HttpResponse response = HttpResponse::Text(405, "Method Not Allowed\n");
    response.headers.push_back({"Allow", base::Join(match->allowed, ", ")});
    return Refuse(exchange, std::move(response));
  }
  const Route& route = *match->route;
  if (!route.inline_on_loop &&
      (stopping() || num_submitted_.load() >= options_.num_workers + options_.max_queued_requests)) {
    return Refuse(exchange, Overloaded(), route.pattern);
  }
  base::CancelToken cancel = exchange.cancel;
  auto work = [this, &route, target, exchange = std::move(exchange),
               path_values = std::move(match->path_values)]() mutable {
    HttpMessage& message = *exchange.message;
    const std::string method = message.method;  // decoding takes both away
    const std::string* header = message.Header("accept-encoding");
    const std::string accept_encoding = header == nullptr ? "" : *header;
    Observation observation;
    observation.pattern = route.pattern;
    observation.method = method;
    observation.request_bytes = message.num_bytes;
    auto request = Decode(message, target, std::move(path_values));
    HttpResponse response = HttpResponse::Text(400, "Bad Request\n");
    if (request.ok()) {
      request->remote_address = std::move(exchange.remote_address);
      request->cancel = exchange.cancel;
      response = RunHandler(route, *request);
      CompressResponse(accept_encoding, &response);
    }
    Observe(observation, response, exchange.start);
    Send(exchange, std::move(response));
  };
  if (route.inline_on_loop) {
    return work();
  }
  ++num_submitted_;
  workers_->Submit([this, work = std::move(work), cancel = std::move(cancel)]() mutable {
    if (!cancel.cancelled()) {
      work();
    }
    --num_submitted_;
  });
}

void HttpServerImpl::Finished() {
  base::MutexLock lock(mutex_);
  --num_active_;
  changed_.notify_all();
}

bool HttpServerImpl::WaitUntilIdle(base::TimePoint deadline) {
  base::MutexLock lock(mutex_);
  return changed_.wait_until(lock.native(), deadline,
                             [&]() ABSL_NO_THREAD_SAFETY_ANALYSIS { return num_active_ == 0; });
}

void HttpServerImpl::Stop(base::Duration grace) {
  if (!started_ || stopping_.exchange(true)) {
    return;
  }
  // New clients are refused at once instead of waiting in the kernel's queue.
  shutdown(socket_.fd, SHUT_RDWR);
  // When every loop has come by, none is about to hand out work in ignorance of the stop.
  std::latch drained(static_cast<ptrdiff_t>(loops_.size()));
  for (const auto& loop : loops_) {
    loop->Drain();
    loop->Post([&drained] { drained.count_down(); });
  }
  drained.wait();
  if (!WaitUntilIdle(base::SteadyNow() + grace)) {
    for (const auto& loop : loops_) {
      loop->CancelAll();
    }
  }
  password_workers_.reset();
  workers_.reset();  // ends when all handlers have returned
  // Answers of cancelled handlers get a moment to leave.
  WaitUntilIdle(base::SteadyNow() + std::chrono::milliseconds(200));
  for (const auto& loop : loops_) {
    loop->Stop();
  }
  loop_threads_.reset();
  loops_.clear();
  close(socket_.fd);
}

}  // namespace

base::StatusOr<std::unique_ptr<HttpServer>> HttpServer::Create(HttpServerOptions options) {
  if (options.num_loops < 1 || options.num_workers < 1) {
    return base::InvalidArgument("an HTTP server needs at least one loop and one worker");
  }
  // Writing to a client that left is an error of that connection, not a signal to the process.
  std::signal(SIGPIPE, SIG_IGN);
  return std::unique_ptr<HttpServer>(std::make_unique<HttpServerImpl>(std::move(options)));
}

}  // namespace thanos::net
