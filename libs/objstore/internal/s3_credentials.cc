#include "objstore/internal/s3_credentials.h"

#include <algorithm>
#include <limits>

#include "base/strings.h"
#include "config/path_or_content.h"
#include "objstore/internal/s3_roles.h"
#include "telemetry/log.h"

namespace thanos::objstore::internal {
namespace {

constexpr int64_t kNever = std::numeric_limits<int64_t>::max();
// After a renewal that failed.
constexpr int64_t kRenewAgainMs = 10'000;
// Keys that are expired already when they arrive are used for a while: the clocks may differ, and S3 decides.
constexpr int64_t kMinLifeMs = 30'000;

std::optional<std::string> First(const Environment& environment, std::initializer_list<const char*> names) {
  for (const char* name : names) {
    if (auto value = environment(name); value.has_value()) {
      return value;
    }
  }
  return std::nullopt;
}

bool IsComplete(const S3Credentials& keys) {
  return !keys.access_key.empty() && !keys.secret_key.empty();
}

class FixedKeys final : public KeySource {
 public:
  FixedKeys(std::string_view name, S3Credentials keys) : name_(name), keys_(std::move(keys)) {}
  std::string_view name() const override { return name_; }
  base::StatusOr<TemporaryKeys> Fetch(const base::CancelToken&) override { return TemporaryKeys{keys_, 0}; }

 private:
  const std::string_view name_;
  const S3Credentials keys_;
};

// One profile of an INI file: "[name]" and "key = value" lines. Empty keys when it is not there.
struct Profile {
  S3Credentials keys;
  bool has_process = false;
};
Profile ReadProfile(std::string_view text, std::string_view profile) {
  Profile out;
  bool inside = false;
  for (std::string_view line : base::Split(text, '\n')) {
    line = base::Trim(line);
    if (line.starts_with('[')) {
      inside = base::Trim(line.substr(1, line.find(']') - 1)) == profile;
      continue;
    }
    const size_t equals = line.find('=');
    if (!inside || line.empty() || line.front() == '#' || line.front() == ';' ||
        equals == std::string_view::npos) {
      continue;
    }
    const std::string_view key = base::Trim(line.substr(0, equals));
    const std::string_view value = base::Trim(line.substr(equals + 1));
    if (base::EqualsIgnoreCase(key, "aws_access_key_id")) {
      out.keys.access_key = std::string(value);
    } else if (base::EqualsIgnoreCase(key, "aws_secret_access_key")) {
      out.keys.secret_key = std::string(value);
    } else if (base::EqualsIgnoreCase(key, "aws_session_token")) {
      out.keys.session_token = std::string(value);
    } else if (base::EqualsIgnoreCase(key, "credential_process")) {
      out.has_process = true;
    }
  }
  return out;
}

// Read again when a server refuses the keys: the file may have new ones.
class SharedFile final : public KeySource {
 public:
  SharedFile(std::string path, std::string profile) : path_(std::move(path)), profile_(std::move(profile)) {}
  std::string_view name() const override { return path_; }
  base::StatusOr<TemporaryKeys> Fetch(const base::CancelToken&) override {
    TH_ASSIGN_OR_RETURN(const std::string text, config::ReadFile(path_));
    Profile profile = ReadProfile(text, profile_);
    if (!IsComplete(profile.keys)) {
      return base::FailedPrecondition("profile ", base::Quote(profile_), " has no keys");
    }
    return TemporaryKeys{std::move(profile.keys), 0};
  }

 private:
  const std::string path_;
  const std::string profile_;
};

// Null when the file has nothing for the profile.
base::StatusOr<std::unique_ptr<KeySource>> FindSharedFile(const Environment& environment) {
  std::string path = First(environment, {"AWS_SHARED_CREDENTIALS_FILE"}).value_or("");
  if (const auto home = environment("HOME"); path.empty() && home.has_value()) {
    path = base::Concat(*home, "/.aws/credentials");
  }
  const auto text = path.empty() ? base::NotFound("no path") : config::ReadFile(path);
  if (!text.ok()) {
    return std::unique_ptr<KeySource>();
  }
  const std::string name = environment("AWS_PROFILE").value_or("default");
  const Profile profile = ReadProfile(*text, name);
  if (!IsComplete(profile.keys) && profile.has_process) {
    return base::FailedPrecondition(path, ": credential_process of profile ", base::Quote(name),
                                    " is not supported: no other programs are run");
  }
  if (!IsComplete(profile.keys)) {
    return std::unique_ptr<KeySource>();
  }
  return std::unique_ptr<KeySource>(std::make_unique<SharedFile>(path, name));
}

}  // namespace

std::optional<std::string> ProcessEnvironment(const std::string& name) {
  auto value = config::SubstituteEnvironment(base::Concat("$(", name, ")"));
  if (!value.ok() || value->empty()) {
    return std::nullopt;
  }
  return *std::move(value);
}

base::StatusOr<std::unique_ptr<KeySource>> ChooseKeySource(const S3Config& config,
                                                           const Environment& environment) {
  if (IsComplete(config.credentials)) {
    return std::unique_ptr<KeySource>(std::make_unique<FixedKeys>("the configuration", config.credentials));
  }
  S3Credentials keys{First(environment, {"AWS_ACCESS_KEY_ID", "AWS_ACCESS_KEY"}).value_or(""),
                     First(environment, {"AWS_SECRET_ACCESS_KEY", "AWS_SECRET_KEY"}).value_or(""),
                     First(environment, {"AWS_SESSION_TOKEN"}).value_or("")};
  if (IsComplete(keys)) {
    return std::unique_ptr<KeySource>(std::make_unique<FixedKeys>("the environment", std::move(keys)));
  }
  const bool has_identity = environment("AWS_WEB_IDENTITY_TOKEN_FILE").has_value();
  if (!config.aws_sdk_auth || !has_identity) {
    TH_ASSIGN_OR_RETURN(std::unique_ptr<KeySource> file, FindSharedFile(environment));
    if (file != nullptr) {
      return file;
    }
  }
  TH_ASSIGN_OR_RETURN(std::unique_ptr<KeySource> role, ChooseRole(config, environment));
  if (role != nullptr) {
    return role;
  }
  return base::FailedPrecondition(
      "no S3 credentials: access_key and secret_key are not configured, AWS_ACCESS_KEY_ID and "
      "AWS_SECRET_ACCESS_KEY are not set, there is no profile with keys in AWS_SHARED_CREDENTIALS_FILE or "
      "~/.aws/credentials, AWS_WEB_IDENTITY_TOKEN_FILE and AWS_CONTAINER_CREDENTIALS_* are not set, and "
      "AWS_EC2_METADATA_DISABLED is true");
}

CredentialProvider::CredentialProvider(std::unique_ptr<KeySource> source, const base::Clock& clock)
    : source_(std::move(source)), clock_(clock) {}

bool CredentialProvider::MustRenew() const {
  return keys_ == nullptr || clock_.NowMs() >= renew_at_ms_;
}

bool CredentialProvider::IsUsable() const {
  return keys_ != nullptr && clock_.NowMs() < expires_at_ms_;
}

void CredentialProvider::Keep(TemporaryKeys fetched) {
  keys_ = std::make_shared<const S3Credentials>(std::move(fetched.keys));
  expires_at_ms_ = renew_at_ms_ = kNever;
  if (fetched.expires_at_ms != 0) {
    const int64_t now_ms = clock_.NowMs();
    expires_at_ms_ = std::max(fetched.expires_at_ms, now_ms + kMinLifeMs);
    renew_at_ms_ = expires_at_ms_ - (expires_at_ms_ - now_ms) / 5;
  }
}

base::StatusOr<std::shared_ptr<const S3Credentials>> CredentialProvider::Get(
    const base::CancelToken& cancel) {
  const auto registration = cancel.OnCancel([this] {
    base::MutexLock lock(mutex_);
    changed_.notify_all();
  });
  base::MutexLock lock(mutex_);
  const uint64_t failures_before = num_failures_;
  while (MustRenew()) {
    TH_RETURN_IF_ERROR(cancel.status());
    if (fetching_ && IsUsable()) {
      return keys_;
    }
    if (fetching_) {
      if (cancel.deadline() == base::kNoDeadline) {
        changed_.wait(lock.native());
      } else {
        changed_.wait_until(lock.native(), cancel.deadline());
      }
      if (num_failures_ != failures_before) {
        return last_failure_;
      }
      continue;
    }
    fetching_ = true;
    lock.native().unlock();
    auto fetched = source_->Fetch(cancel);
    lock.native().lock();
    fetching_ = false;
    changed_.notify_all();
    if (fetched.ok()) {
      Keep(*std::move(fetched));
      return keys_;
    }
    if (cancel.cancelled() && !IsUsable()) {
      return cancel.status();  // one of those who wait takes over
    }
    const base::Status failure = base::Annotate(fetched.status(), "S3 credentials from ", source_->name());
    if (IsUsable()) {
      TH_LOG(kWarn, "S3 credentials are not renewed yet").With("err", failure);
      renew_at_ms_ = std::min(clock_.NowMs() + kRenewAgainMs, expires_at_ms_);
      return keys_;
    }
    ++num_failures_;
    last_failure_ = failure;
    return failure;
  }
  return keys_;
}

bool CredentialProvider::Invalidate(const S3Credentials& used) {
  base::MutexLock lock(mutex_);
  if (dynamic_cast<const FixedKeys*>(source_.get()) != nullptr) {
    return false;
  }
  if (keys_ != nullptr && keys_->access_key == used.access_key &&
      keys_->session_token == used.session_token && keys_->secret_key == used.secret_key) {
    keys_ = nullptr;
  }
  return true;
}

}  // namespace thanos::objstore::internal
