#include "net/web_guard.h"

#include <algorithm>
#include <sys/stat.h>

#include "base/strings.h"
#include "config/path_or_content.h"
#include "telemetry/log.h"

namespace thanos::net {
namespace {

int64_t ToNanoseconds(const timespec& time) {
  return int64_t{time.tv_sec} * 1'000'000'000 + time.tv_nsec;
}

}  // namespace

bool RateLimit::Take(base::TimePoint now) {
  if (interval_ <= base::Duration::zero()) {
    return true;
  }
  base::MutexLock lock(mutex_);
  const base::TimePoint begin = std::max(now, taken_until_);
  // As seconds: a large burst does not overflow.
  if (base::ToSeconds(begin - now) > static_cast<double>(burst_ - 1) * base::ToSeconds(interval_)) {
    return false;
  }
  taken_until_ = begin + interval_;
  return true;
}

base::StatusOr<std::unique_ptr<WebGuard>> WebGuard::Open(std::string path) {
  std::unique_ptr<WebGuard> guard(new WebGuard(std::move(path)));
  base::MutexLock lock(guard->mutex_);
  TH_RETURN_IF_ERROR(guard->Load());
  guard->uses_tls_ = guard->settings_->tls != nullptr;
  return guard;
}

WebGuard::Stamp WebGuard::StampOf(const std::string& path) {
  struct stat status {};
  if (stat(path.c_str(), &status) != 0) {
    return {};
  }
  return {status.st_ino, status.st_size, ToNanoseconds(status.st_mtim), ToNanoseconds(status.st_ctim)};
}

void WebGuard::Watch(const std::string& path) {
  if (!path.empty()) {
    watched_.emplace_back(path, StampOf(path));
  }
}

bool WebGuard::Changed() const {
  return std::any_of(watched_.begin(), watched_.end(),
                     [](const auto& file) { return StampOf(file.first) != file.second; });
}

// Stamps are taken before reading: a change in between is seen next time.
base::Status WebGuard::Load() {
  settings_.reset();
  watched_.clear();
  Watch(path_);
  TH_ASSIGN_OR_RETURN(const std::string text, config::ReadFile(path_));
  const size_t slash = path_.rfind('/');
  const std::string directory = slash == std::string::npos ? "" : path_.substr(0, slash);
  auto config = ParseWebConfig(text, directory);
  if (!config.ok()) {
    return base::Annotate(config.status(), path_);
  }
  std::shared_ptr<const TlsContext> tls;
  if (config->tls.has_value()) {
    for (const std::string* file :
         {&config->tls->cert_file, &config->tls->key_file, &config->tls->client_ca_file}) {
      Watch(*file);
    }
    TH_ASSIGN_OR_RETURN(tls, TlsContext::Create(*config->tls));
  }
  settings_ = std::make_shared<WebSettings>(*std::move(config));
  settings_->tls = std::move(tls);
  return base::OkStatus();
}

std::shared_ptr<WebSettings> WebGuard::Current() {
  base::MutexLock lock(mutex_);
  if (!Changed()) {
    return settings_;
  }
  base::Status status = Load();
  if (status.ok() && uses_tls_ != (settings_->tls != nullptr)) {
    settings_.reset();
    status = base::FailedPrecondition("TLS is turned on or off by a restart only");
  }
  if (status.ok()) {
    TH_LOG(kInfo, "web configuration reloaded").With("file", path_);
  } else {
    TH_LOG(kError, "web configuration is not valid, requests are refused")
        .With("file", path_)
        .With("err", status);
  }
  return settings_;
}

}  // namespace thanos::net
