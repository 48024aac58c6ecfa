// Where the keys of an S3 bucket come from.

#include "base/strings.h"
#include "config/path_or_content.h"
#include "objstore/internal/s3_config.h"

namespace thanos::objstore::internal {
namespace {

std::optional<std::string> First(const Environment& environment, std::initializer_list<const char*> names) {
  for (const char* name : names) {
    if (auto value = environment(name); value.has_value()) {
      return value;
    }
  }
  return std::nullopt;
}

// One profile of an INI file: "[name]" and "key = value" lines. Empty keys when it is not there.
S3Credentials ReadProfile(std::string_view text, std::string_view profile) {
  S3Credentials out;
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
      out.access_key = std::string(value);
    } else if (base::EqualsIgnoreCase(key, "aws_secret_access_key")) {
      out.secret_key = std::string(value);
    } else if (base::EqualsIgnoreCase(key, "aws_session_token")) {
      out.session_token = std::string(value);
    }
  }
  return out;
}

bool IsComplete(const S3Credentials& keys) {
  return !keys.access_key.empty() && !keys.secret_key.empty();
}

}  // namespace

std::optional<std::string> ProcessEnvironment(const std::string& name) {
  auto value = config::SubstituteEnvironment(base::Concat("$(", name, ")"));
  if (!value.ok() || value->empty()) {
    return std::nullopt;
  }
  return *std::move(value);
}

base::StatusOr<S3Credentials> FindS3Credentials(const S3Config& config, const Environment& environment) {
  if (IsComplete(config.credentials)) {
    return config.credentials;
  }
  S3Credentials keys{First(environment, {"AWS_ACCESS_KEY_ID", "AWS_ACCESS_KEY"}).value_or(""),
                     First(environment, {"AWS_SECRET_ACCESS_KEY", "AWS_SECRET_KEY"}).value_or(""),
                     First(environment, {"AWS_SESSION_TOKEN"}).value_or("")};
  if (IsComplete(keys)) {
    return keys;
  }
  std::string file = First(environment, {"AWS_SHARED_CREDENTIALS_FILE"}).value_or("");
  if (const auto home = environment("HOME"); file.empty() && home.has_value()) {
    file = base::Concat(*home, "/.aws/credentials");
  }
  if (const auto text = config::ReadFile(file); !file.empty() && text.ok()) {
    keys = ReadProfile(*text, environment("AWS_PROFILE").value_or("default"));
    if (IsComplete(keys)) {
      return keys;
    }
  }
  return base::FailedPrecondition(
      "no S3 credentials: access_key and secret_key are not configured, AWS_ACCESS_KEY_ID and "
      "AWS_SECRET_ACCESS_KEY are not set, and there is no profile with keys in ",
      file.empty() ? "~/.aws/credentials" : file,
      "; roles of instances and web identities are not supported by this build");
}

}  // namespace thanos::objstore::internal
