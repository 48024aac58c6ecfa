#pragma once

// The keys of an S3 bucket, wherever they come from, renewed before they expire.

#include <condition_variable>
#include <cstdint>
#include <memory>
#include <string_view>

#include "base/cancel.h"
#include "base/clock.h"
#include "base/mutex.h"
#include "base/status.h"
#include "objstore/internal/s3_config.h"

namespace thanos::objstore::internal {

struct TemporaryKeys {
  S3Credentials keys;
  int64_t expires_at_ms = 0;  // 0: never
};

// One place where keys come from. Called by one thread at a time.
class KeySource {
 public:
  virtual ~KeySource() = default;
  // Names the place in messages.
  virtual std::string_view name() const = 0;
  // Unavailable when trying again may help. Error texts hold no secrets.
  virtual base::StatusOr<TemporaryKeys> Fetch(const base::CancelToken& cancel) = 0;
};

// The place for this configuration and environment, which is the first of
//   access_key in the configuration;
//   AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY;
//   the shared credentials file, when it has keys for the profile (after the next one with aws_sdk_auth);
//   a web identity, when AWS_WEB_IDENTITY_TOKEN_FILE is set;
//   the endpoint for containers, when AWS_CONTAINER_CREDENTIALS_RELATIVE_URI or _FULL_URI is set;
//   the metadata service of instances, unless AWS_EC2_METADATA_DISABLED is true.
// Does not connect. FailedPrecondition saying what was looked for, InvalidArgument for settings that make no
// sense.
base::StatusOr<std::unique_ptr<KeySource>> ChooseKeySource(const S3Config& config,
                                                           const Environment& environment);

// Thread-safe.
class CredentialProvider {
 public:
  // `clock` must outlive the provider.
  CredentialProvider(std::unique_ptr<KeySource> source, const base::Clock& clock);

  // Keys to sign with now. They are fetched when there are none, by one caller while the others wait; they
  // are renewed by one caller in the last fifth of their life, while the others go on with the old ones. A
  // renewal that fails is no error as long as the old keys are valid.
  base::StatusOr<std::shared_ptr<const S3Credentials>> Get(const base::CancelToken& cancel);
  // Tells that a server does not accept `used` any more; false when that cannot change.
  bool Invalidate(const S3Credentials& used);

 private:
  bool MustRenew() const ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  bool IsUsable() const ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  void Keep(TemporaryKeys fetched) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);

  const std::unique_ptr<KeySource> source_;
  const base::Clock& clock_;
  base::Mutex mutex_;
  std::condition_variable changed_;
  bool fetching_ ABSL_GUARDED_BY(mutex_) = false;
  uint64_t num_failures_ ABSL_GUARDED_BY(mutex_) = 0;
  base::Status last_failure_ ABSL_GUARDED_BY(mutex_);
  std::shared_ptr<const S3Credentials> keys_ ABSL_GUARDED_BY(mutex_);
  int64_t expires_at_ms_ ABSL_GUARDED_BY(mutex_) = 0;
  int64_t renew_at_ms_ ABSL_GUARDED_BY(mutex_) = 0;
};

}  // namespace thanos::objstore::internal
