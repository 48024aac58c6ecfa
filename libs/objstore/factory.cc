#include "objstore/factory.h"

#include <array>
#include <string>
#include <utility>

#include "config/yaml.h"
#include "objstore/internal/filesystem.h"
#include "objstore/internal/s3.h"
#include "objstore/wrappers.h"

namespace thanos::objstore {
namespace {

base::StatusOr<std::unique_ptr<Bucket>> OpenFilesystem(const config::YamlNode& node) {
  std::string directory;
  config::YamlMap map(node, "config");
  map.Read("directory", &directory);
  TH_RETURN_IF_ERROR(map.Finish());
  return internal::FilesystemBucket::Open(directory);
}

struct Provider {
  std::string_view type;
  // Null: known to Thanos, not built here.
  base::StatusOr<std::unique_ptr<Bucket>> (*open)(const config::YamlNode& node);
};

constexpr std::array kProviders = {
    Provider{"FILESYSTEM", OpenFilesystem},
    Provider{"S3", internal::S3Bucket::FromYaml},
    Provider{"GCS", nullptr},
    Provider{"AZURE", nullptr},
    Provider{"SWIFT", nullptr},
    Provider{"COS", nullptr},
    Provider{"ALIYUNOSS", nullptr},
    Provider{"BOS", nullptr},
    Provider{"OBS", nullptr},
    Provider{"OCI", nullptr},
};

base::StatusOr<std::unique_ptr<Bucket>> OpenProvider(const std::string& type, const config::YamlNode& node) {
  for (const Provider& provider : kProviders) {
    if (base::EqualsIgnoreCase(provider.type, type)) {
      if (provider.open == nullptr) {
        return base::Unimplemented("bucket provider ", provider.type, " is not supported by this build");
      }
      return provider.open(node);
    }
  }
  return base::InvalidArgument("bucket provider ", base::Quote(type), " is not known");
}

}  // namespace

base::StatusOr<std::unique_ptr<Bucket>> FromConfig(std::string_view yaml, telemetry::Registry& metrics) {
  const auto parsed = config::ParseYaml(yaml);
  if (!parsed.ok()) {
    return base::Annotate(parsed.status(), "objstore config");
  }
  config::YamlMap map(*parsed);
  std::string type;
  std::string prefix;
  map.Read("type", &type);
  map.Read("prefix", &prefix);
  const config::YamlNode* config = map.Node("config");
  if (const base::Status status = map.Finish(); !status.ok()) {
    return base::Annotate(status, "objstore config");
  }
  static const config::YamlNode kEmpty;
  auto bucket = OpenProvider(type, config != nullptr ? *config : kEmpty);
  if (!bucket.ok()) {
    return base::Annotate(bucket.status(), "objstore config");
  }
  std::unique_ptr<Bucket> result = std::make_unique<MeteredBucket>(*std::move(bucket), metrics);
  if (prefix.find_first_not_of('/') != std::string::npos) {
    result = std::make_unique<PrefixBucket>(std::move(result), prefix);
  }
  return result;
}

}  // namespace thanos::objstore
