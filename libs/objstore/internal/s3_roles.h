#pragma once

// Keys of roles, which services hand out for a while: STS for web identities, the endpoint of a container,
// the metadata service of an instance.

#include <memory>
#include <string>
#include <string_view>

#include "base/clock.h"
#include "objstore/internal/s3_credentials.h"

namespace thanos::objstore::internal {

// AssumeRoleWithWebIdentity, as it is set up for pods by IRSA.
struct WebIdentityOptions {
  std::string endpoint;  // URL of the STS
  std::string token_file;
  std::string role_arn = {};      // empty: the STS decides by the token
  std::string session_name = {};  // empty: one is made up
};
std::unique_ptr<KeySource> MakeWebIdentity(WebIdentityOptions options);

// The agent of ECS and EKS.
struct ContainerRoleOptions {
  std::string url;
  std::string token = {};
  std::string token_file = {};  // instead of `token`; read each time
};
std::unique_ptr<KeySource> MakeContainerRole(ContainerRoleOptions options);

// The role of an EC2 instance. Version 2 of the service; version 1 when the instance has only that.
struct InstanceRoleOptions {
  std::string endpoint;  // URL
  bool allows_version_1 = true;
  base::Duration token_timeout = std::chrono::seconds(1);
};
std::unique_ptr<KeySource> MakeInstanceRole(InstanceRoleOptions options);

// The one the environment asks for; null when there is none. Link-local addresses are used only here, when
// neither the configuration nor the environment nor a file has keys.
base::StatusOr<std::unique_ptr<KeySource>> ChooseRole(const S3Config& config, const Environment& environment);

// Answers of these services. DataLoss when they are damaged or incomplete, else the failure they tell.
base::StatusOr<TemporaryKeys> ParseStsAnswer(int http_status, std::string_view body);
base::StatusOr<TemporaryKeys> ParseRoleAnswer(int http_status, std::string_view body);

}  // namespace thanos::objstore::internal
