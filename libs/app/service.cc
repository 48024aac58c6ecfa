#include "app/service.h"

#include <algorithm>
#include <atomic>
#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <optional>
#include <poll.h>
#include <signal.h>
#include <sys/eventfd.h>
#include <sys/signalfd.h>
#include <thread>
#include <unistd.h>
#include <utility>

#include "app/http_metrics.h"
#include "app/probe.h"
#include "app/request_log.h"
#include "app/resident_memory.h"
#include "app/status_pages.h"
#include "app/version.h"
#include "base/check.h"
#include "base/mutex.h"
#include "base/strings.h"
#include "concurrency/periodic.h"
#include "telemetry/log.h"

namespace thanos::app {
namespace {

constexpr int kIoThreads = 32;
constexpr int kHttpWorkers = 32;

int NumCores() {
  return std::max(1, static_cast<int>(std::thread::hardware_concurrency()));
}

// A descriptor that is readable when SIGTERM, SIGINT or SIGHUP waits. The signals are blocked in this thread
// and those it starts.
int OpenSignals() {
  sigset_t set;
  sigemptyset(&set);
  sigaddset(&set, SIGTERM);
  sigaddset(&set, SIGINT);
  sigaddset(&set, SIGHUP);
  TH_CHECK(pthread_sigmask(SIG_BLOCK, &set, nullptr) == 0);
  const int fd = signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
  TH_CHECK(fd >= 0);
  return fd;
}

// Takes the pending signal; 0 when there is none.
int TakeSignal(int fd) {
  signalfd_siginfo info{};
  return read(fd, &info, sizeof(info)) == static_cast<ssize_t>(sizeof(info))
             ? static_cast<int>(info.ssi_signo)
             : 0;
}

// A flag other threads can wait for with poll().
class WakeFlag {
 public:
  WakeFlag() : fd_(eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)) { TH_CHECK(fd_ >= 0); }
  ~WakeFlag() { close(fd_); }
  WakeFlag(const WakeFlag&) = delete;
  WakeFlag& operator=(const WakeFlag&) = delete;
  void Set() {
    const uint64_t one = 1;
    [[maybe_unused]] const ssize_t written = write(fd_, &one, sizeof(one));
  }
  int fd() const { return fd_; }

 private:
  int fd_;
};

// True when one of both is readable, false after `timeout_ms`; negative: none.
bool WaitForAny(int first, int second, int timeout_ms = -1) {
  pollfd fds[] = {{first, POLLIN, 0}, {second, POLLIN, 0}};
  int result = 0;
  do {
    result = poll(fds, 2, timeout_ms);
  } while (result < 0 && errno == EINTR);
  return result != 0;
}

struct PeriodicSpec {
  std::string name;
  base::Duration interval;
  std::function<base::Status(const base::CancelToken&)> work;
};

}  // namespace

struct Service::Impl {
  Impl(std::string component_name, std::string help, GrpcServer grpc_mode)
      : component(std::move(component_name)),
        with_grpc(grpc_mode == GrpcServer::kYes),
        signal_fd(OpenSignals()),
        metrics(telemetry::Registry::Create()),
        flags(component, std::move(help)),
        probe(component, *metrics),
        http_metrics(*metrics),
        cpu_pool("cpu", NumCores()),
        io_pool("io", kIoThreads),
        start_time_ms(clock.NowMs()) {}
  ~Impl() { close(signal_fd); }

  base::Status StartServers();
  void StartPeriodics();
  void WaitForStop();
  void StopAll();
  void AddOwnRoutes();
  void RegisterBuildInfo();

  const std::string component;
  const bool with_grpc;
  const int signal_fd;
  base::SystemClock clock;
  std::unique_ptr<telemetry::Registry> metrics;
  config::FlagSet flags;
  LogFlags log_flags;
  TracingFlags tracing_flags;
  MemoryLimitFlags memory_flags;
  HttpFlags http_flags;
  GrpcServerFlags grpc_flags;
  Probe probe;
  HttpMetrics http_metrics;
  RequestLog request_log;
  concurrency::ThreadPool cpu_pool;
  concurrency::ThreadPool io_pool;
  const int64_t start_time_ms;
  base::CancelSource root;
  WakeFlag stop_requested;
  std::atomic<int> exit_code{0};
  std::vector<net::HttpServer::Route> routes;
  std::vector<rpc::ServiceAdaptor*> adaptors;
  std::vector<PeriodicSpec> periodic_specs;
  std::vector<std::function<void()>> on_started;
  std::vector<std::function<void()>> on_reload;
  std::vector<std::function<void()>> on_stop;
  std::unique_ptr<net::HttpServer> http;
  base::Mutex grpc_mutex;  // guards the pointer between Run() and SetReady()
  std::unique_ptr<rpc::Server> grpc ABSL_GUARDED_BY(grpc_mutex);
  std::vector<std::unique_ptr<concurrency::Periodic>> periodics;
  std::atomic<bool> stopping{false};
};

Service::Service(std::string component, std::string help, GrpcServer grpc) {
  TuneMalloc();
  impl_ = std::make_unique<Impl>(std::move(component), std::move(help), grpc);
  impl_->flags.SetVersionText(VersionText());
  impl_->log_flags.AddTo(impl_->flags);
  impl_->tracing_flags.AddTo(impl_->flags);
  impl_->memory_flags.AddTo(impl_->flags);
  impl_->http_flags.AddTo(impl_->flags);
  if (impl_->with_grpc) {
    impl_->grpc_flags.AddTo(impl_->flags);
  }
}

Service::~Service() {
  impl_->root.Cancel();
}

config::FlagSet& Service::flags() {
  return impl_->flags;
}

void Service::ParseFlags(int argc, const char* const* argv) {
  const auto outcome = impl_->flags.Parse(argc, argv);
  if (outcome.action == config::FlagSet::Outcome::Action::kExit) {
    std::fputs(outcome.standard_output.c_str(), stdout);
    std::fputs(outcome.standard_error.c_str(), stderr);
    std::fflush(stdout);
    std::_Exit(outcome.exit_code);
  }
  // The texts were checked as enums.
  if (const auto options = impl_->log_flags.Options(); options.ok()) {
    telemetry::ConfigureLogging(*options);
  }
  for (const std::string& name : impl_->flags.SetWithoutEffect()) {
    TH_LOG(kWarn, "flag is accepted but has no effect").With("flag", name);
  }
  impl_->RegisterBuildInfo();
}

void Service::Impl::RegisterBuildInfo() {
  metrics
      ->AddGauge("thanos_build_info",
                 "A metric with a constant '1' value labeled by version, revision, branch, goversion from "
                 "which thanos was "
                 "built, and the goos and goarch for the build.",
                 {{"branch", ""},
                  {"goarch", "amd64"},
                  {"goos", "linux"},
                  {"goversion", "c++20"},
                  {"revision", ""},
                  {"tags", ""},
                  {"version", std::string(kVersion)}})
      .Set(1);
}

Deps Service::deps() {
  return Deps{impl_->clock, *impl_->metrics, impl_->cpu_pool, impl_->io_pool};
}

base::CancelToken Service::cancel() const {
  return impl_->root.token();
}

void Service::AddRoute(net::HttpServer::Route route) {
  impl_->routes.push_back(std::move(route));
}

void Service::AddGrpc(rpc::ServiceAdaptor& adaptor) {
  impl_->adaptors.push_back(&adaptor);
}

void Service::AddPeriodic(std::string name, base::Duration interval,
                          std::function<base::Status(const base::CancelToken&)> work) {
  impl_->periodic_specs.push_back({std::move(name), interval, std::move(work)});
}

void Service::OnStarted(std::function<void()> started) {
  impl_->on_started.push_back(std::move(started));
}

void Service::OnReload(std::function<void()> reload) {
  impl_->on_reload.push_back(std::move(reload));
}

void Service::OnStop(std::function<void()> stop) {
  impl_->on_stop.push_back(std::move(stop));
}

void Service::UseTenantLabel(std::string header, std::string default_tenant) {
  impl_->http_metrics.UseTenantLabel(std::move(header), std::move(default_tenant));
}

base::Status Service::UseRequestLogging(const RequestLoggingFlags& flags) {
  TH_ASSIGN_OR_RETURN(const std::string yaml, flags.config.Read());
  auto log = RequestLog::Parse(yaml);
  if (!log.ok()) {
    return base::Annotate(log.status(), "request logging configuration");
  }
  impl_->request_log = *std::move(log);
  return base::OkStatus();
}

void Service::AddStatusRoutes(const std::string& prefix) {
  AddRoute({{"GET"}, prefix + "/api/v1/status/flags", [this](const net::HttpRequest&) {
              return FlagsPage(impl_->flags);
            }});
  AddRoute({{"GET"}, prefix + "/api/v1/status/buildinfo", [](const net::HttpRequest&) {
              return BuildInfoPage();
            }});
  AddRoute({{"GET"}, prefix + "/api/v1/status/runtimeinfo", [this](const net::HttpRequest&) {
              return RuntimeInfoPage(impl_->start_time_ms);
            }});
}

void Service::SetReady() {
  if (impl_->stopping) {
    return;
  }
  if (!impl_->probe.ready()) {
    TH_LOG(kInfo, "changing probe status").With("status", "ready");
  }
  impl_->probe.SetReady();
  base::MutexLock lock(impl_->grpc_mutex);
  if (impl_->grpc != nullptr) {
    impl_->grpc->SetServing(true);
  }
}

void Service::SetNotReady(base::Status reason) {
  if (impl_->probe.ready()) {
    TH_LOG(kWarn, "changing probe status").With("status", "not-ready").With("reason", reason);
  }
  impl_->probe.SetNotReady(std::move(reason));
  base::MutexLock lock(impl_->grpc_mutex);
  if (impl_->grpc != nullptr) {
    impl_->grpc->SetServing(false);
  }
}

int Service::http_port() const {
  return impl_->http == nullptr ? 0 : impl_->http->port();
}

int Service::grpc_port() const {
  base::MutexLock lock(impl_->grpc_mutex);
  return impl_->grpc == nullptr ? 0 : impl_->grpc->port();
}

void Service::Impl::AddOwnRoutes() {
  http->AddRoute({{},
                  "/-/healthy",
                  [this](const net::HttpRequest&) { return probe.Healthy(); },
                  /*inline_on_loop=*/true});
  http->AddRoute(
      {{}, "/-/ready", [this](const net::HttpRequest&) { return probe.Ready(); }, /*inline_on_loop=*/true});
  const auto expose = [this](const net::HttpRequest&) {
    net::HttpResponse response;
    response.content_type = "text/plain; version=0.0.4; charset=utf-8";
    response.body = metrics->Expose();
    return response;
  };
  http->AddRoute({{"GET"}, "/metrics", expose, /*inline_on_loop=*/true});
  for (net::HttpServer::Route& route : routes) {
    if (!route.inline_on_loop) {
      route =
          http_metrics.Wrap(request_log.enabled() ? request_log.Wrap(std::move(route)) : std::move(route));
    }
    http->AddRoute(std::move(route));
  }
  routes.clear();
}

base::Status Service::Impl::StartServers() {
  net::HttpServerOptions options;
  options.address = http_flags.address;
  options.web_config_file = http_flags.config_file;
  // Each loop wakes up for every new connection, and has little to do: handlers have threads of their own.
  options.num_loops = std::clamp(NumCores() / 2, 1, 4);
  options.num_workers = kHttpWorkers;
  TH_ASSIGN_OR_RETURN(http, net::HttpServer::Create(options));
  AddOwnRoutes();
  TH_RETURN_IF_ERROR(http->Start());
  probe.SetHealthy();
  TH_LOG(kInfo, "listening for requests and metrics")
      .With("service", "http/server")
      .With("component", component)
      .With("address", http_flags.address)
      .With("port", http->port());
  if (!with_grpc) {
    return base::OkStatus();
  }
  rpc::ServerOptions grpc_options = grpc_flags.Options();
  grpc_options.call_log = request_log.GrpcLog();
  TH_ASSIGN_OR_RETURN(auto server, rpc::Server::Create(std::move(grpc_options), *metrics));
  for (rpc::ServiceAdaptor* adaptor : adaptors) {
    server->Add(*adaptor);
  }
  TH_RETURN_IF_ERROR(server->Start());
  TH_LOG(kInfo, "listening for serving gRPC")
      .With("service", "gRPC/server")
      .With("component", component)
      .With("address", grpc_flags.address)
      .With("port", server->port());
  base::MutexLock lock(grpc_mutex);
  grpc = std::move(server);
  grpc->SetServing(probe.ready());
  return base::OkStatus();
}

void Service::Impl::StartPeriodics() {
  for (const PeriodicSpec& spec : periodic_specs) {
    const auto work = [&spec](const base::CancelToken& cancel) {
      const base::Status status = spec.work(cancel);
      if (!status.ok() && !cancel.cancelled()) {
        TH_LOG(kError, "periodic task").With("task", spec.name).With("err", status);
      }
    };
    periodics.push_back(
        std::make_unique<concurrency::Periodic>(spec.name, spec.interval, root.token(), work));
  }
}

// Until SIGTERM, SIGINT or Fail().
void Service::Impl::WaitForStop() {
  ResidentMemory memory;
  constexpr auto kRoundMs =
      std::chrono::duration_cast<std::chrono::milliseconds>(ResidentMemory::kRound).count();
  while (true) {
    if (!WaitForAny(signal_fd, stop_requested.fd(), static_cast<int>(kRoundMs))) {
      memory.Round(probe.ready());
      continue;
    }
    const int signal_number = TakeSignal(signal_fd);
    if (signal_number == SIGHUP) {
      TH_LOG(kInfo, "caught SIGHUP, reloading");
      for (const auto& reload : on_reload) {
        reload();
      }
      continue;
    }
    if (signal_number != 0) {
      TH_LOG(kInfo, "caught signal, stopping").With("signal", signal_number);
    }
    return;
  }
}

// Not ready first; then servers drain side by side, each for its own grace period; then what they used.
void Service::Impl::StopAll() {
  stopping = true;
  rpc::Server* grpc_server = nullptr;
  probe.SetNotReady(base::Unavailable("stopping"));
  {
    base::MutexLock lock(grpc_mutex);
    grpc_server = grpc.get();
  }
  if (grpc_server != nullptr) {
    grpc_server->SetServing(false);
  }
  {
    concurrency::ThreadPool stopper("stop", 1);
    if (grpc_server != nullptr) {
      stopper.Submit([&] { grpc_server->Stop(grpc_flags.grace_period.value); });
    }
    if (http != nullptr) {
      http->Stop(http_flags.grace_period.value);
    }
  }
  root.Cancel(base::Cancelled("process is stopping"));
  periodics.clear();
  for (auto stop = on_stop.rbegin(); stop != on_stop.rend(); ++stop) {
    (*stop)();
  }
}

int Service::Run() {
  TH_LOG(kInfo, base::Concat("starting ", impl_->component)).With("version", kVersion);
  if (const base::Status status = impl_->StartServers(); !status.ok()) {
    impl_->StopAll();
    return ExitWith(status);
  }
  impl_->StartPeriodics();
  for (const auto& started : impl_->on_started) {
    started();
  }
  impl_->WaitForStop();
  WakeFlag done;
  {
    concurrency::ThreadPool watcher("signals", 1);
    watcher.Submit([this, &done] {
      int signal_number = SIGHUP;
      while (signal_number == SIGHUP) {
        WaitForAny(impl_->signal_fd, done.fd());
        signal_number = TakeSignal(impl_->signal_fd);
      }
      if (signal_number != 0) {
        TH_LOG(kWarn, "caught a second signal, exiting at once");
        std::_Exit(1);
      }
    });
    impl_->StopAll();
    done.Set();
  }
  TH_LOG(kInfo, "exiting").With("code", impl_->exit_code.load());
  return impl_->exit_code;
}

void Service::Stop() {
  impl_->stop_requested.Set();
}

void Service::Fail(base::Status status) {
  TH_LOG(kError, "running component").With("component", impl_->component).With("err", status);
  impl_->exit_code = 1;
  impl_->stop_requested.Set();
}

int Service::ExitWith(const base::Status& status) {
  TH_LOG(kError, "starting component").With("component", impl_->component).With("err", status);
  return 1;
}

}  // namespace thanos::app
