#include "net/http_server.h"

#include <atomic>
#include <condition_variable>
#include <csignal>
#include <exception>
#include <sys/socket.h>
#include <unistd.h>
#include <utility>

#include "base/check.h"
#include "base/mutex.h"
#include "base/strings.h"
#include "concurrency/thread_pool.h"
#include "net/http_connection.h"
#include "net/listen.h"
#include "net/router.h"
#include "net/url.h"
#include "telemetry/log.h"

namespace thanos::net {
namespace {

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

// Takes what it needs out of `message`; `target` holds views into it.
base::StatusOr<HttpRequest> Decode(HttpMessage& message, const Target& target, Parameters path_values) {
  HttpRequest request;
  TH_ASSIGN_OR_RETURN(request.path, Unescape(target.path, false));
  if (IsForm(message)) {
    TH_ASSIGN_OR_RETURN(request.parameters, ParseQuery(message.body));
    message.body.clear();
  }
  TH_ASSIGN_OR_RETURN(Parameters query, ParseQuery(target.query));
  std::move(query.begin(), query.end(), std::back_inserter(request.parameters));
  request.path_values = std::move(path_values);
  request.method = std::move(message.method);
  request.headers = std::move(message.headers);
  request.body = std::move(message.body);
  return request;
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

  // Answers at once, without a handler.
  void Refuse(HttpLoop& loop, uint64_t connection_id, Observation observation, HttpResponse response) {
    Observe(observation, response, base::SteadyNow());
    loop.Respond(connection_id, std::move(response));
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
  std::unique_ptr<concurrency::ThreadPool> workers_;
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
  const base::TimePoint start = base::SteadyNow();
  auto shared_message = std::make_shared<HttpMessage>(std::move(message));
  const Target target = SplitTarget(shared_message->target);
  Observation observation;
  observation.method = shared_message->method;
  observation.request_bytes = shared_message->num_bytes;
  auto match = router_.Find(shared_message->method, target.path);
  if (!match.ok()) {
    return Refuse(loop, connection_id, observation, HttpResponse::Text(400, "Bad Request\n"));
  }
  if (match->route == nullptr) {
    if (!match->path_known) {
      return Refuse(loop, connection_id, observation, HttpResponse::Text(404, "404 page not found\n"));
    }
    HttpResponse response = HttpResponse::Text(405, "Method Not Allowed\n");
    response.headers.push_back({"Allow", base::Join(match->allowed, ", ")});
    return Refuse(loop, connection_id, observation, std::move(response));
  }
  const Route& route = *match->route;
  observation.pattern = route.pattern;
  if (!route.inline_on_loop &&
      (stopping() || num_submitted_.load() >= options_.num_workers + options_.max_queued_requests)) {
    HttpResponse response = HttpResponse::Text(503, "server is overloaded or stopping\n");
    response.headers.push_back({"Retry-After", "1"});
    return Refuse(loop, connection_id, observation, std::move(response));
  }
  auto work = [this, &loop, &route, connection_id, shared_message, target, observation, cancel, start,
               path_values = std::move(match->path_values), remote_address]() mutable {
    const std::string method = shared_message->method;  // decoding takes it away
    observation.method = method;
    auto request = Decode(*shared_message, target, std::move(path_values));
    HttpResponse response = HttpResponse::Text(400, "Bad Request\n");
    if (request.ok()) {
      request->remote_address = std::move(remote_address);
      request->cancel = cancel;
      response = RunHandler(route, *request);
    }
    Observe(observation, response, start);
    loop.Respond(connection_id, std::move(response));
  };
  if (route.inline_on_loop) {
    return work();
  }
  ++num_submitted_;
  workers_->Submit([this, work = std::move(work), cancel]() mutable {
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
  for (const auto& loop : loops_) {
    loop->Drain();
  }
  if (!WaitUntilIdle(base::SteadyNow() + grace)) {
    for (const auto& loop : loops_) {
      loop->CancelAll();
    }
  }
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
