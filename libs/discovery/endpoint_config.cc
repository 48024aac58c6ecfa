#include "discovery/endpoint_config.h"

#include <fstream>
#include <glob.h>
#include <set>
#include <sstream>
#include <sys/stat.h>
#include <utility>

#include "base/strings.h"
#include "config/yaml.h"
#include "discovery/provider.h"

namespace thanos::discovery {
namespace {

constexpr std::streamoff kMaxFileBytes = 16 << 20;

base::StatusOr<std::string> ReadFile(const std::string& path) {
  std::ifstream file(path, std::ios::binary | std::ios::ate);
  const std::streamoff size = file.tellg();
  if (!file || size < 0) {
    return base::NotFound("reading ", path);
  }
  if (size > kMaxFileBytes) {
    return base::ResourceExhausted("reading ", path, ": ", size, " bytes, limit ", kMaxFileBytes);
  }
  std::string content(static_cast<size_t>(size), '\0');
  file.seekg(0);
  if (!file.read(content.data(), size)) {
    return base::Unavailable("reading ", path);
  }
  return content;
}

std::vector<std::string> Expand(const std::string& pattern) {
  glob_t result{};
  std::vector<std::string> paths;
  if (glob(pattern.c_str(), 0, nullptr, &result) == 0) {
    paths.assign(result.gl_pathv, result.gl_pathv + result.gl_pathc);
  }
  globfree(&result);
  return paths;
}

base::Status Validate(const ConfiguredEndpoint& endpoint) {
  TH_RETURN_IF_ERROR(ParseAddress(endpoint.address).status());
  if (endpoint.strict && IsDynamic(endpoint.address)) {
    return base::InvalidArgument(
        "endpoint ", base::Quote(endpoint.address),
        " is a dynamically specified endpoint i.e. it uses SD and that is not permitted under "
        "strict mode");
  }
  if (!endpoint.group && !endpoint.service_config.empty()) {
    return base::InvalidArgument("endpoint ", base::Quote(endpoint.address),
                                 ": service_config can only be specified for endpoint groups");
  }
  if (!endpoint.service_config.empty()) {
    // JSON is YAML; gRPC itself reports an unusable one only with each call.
    const base::StatusOr<config::YamlNode> parsed = config::ParseYaml(endpoint.service_config);
    if (!parsed.ok() || parsed->kind != config::YamlNode::Kind::kMap) {
      return base::InvalidArgument("endpoint ", base::Quote(endpoint.address),
                                   ": service_config is not a JSON object");
    }
  }
  return base::OkStatus();
}

}  // namespace

base::StatusOr<std::vector<ConfiguredEndpoint>> ParseEndpointConfig(std::string_view text) {
  TH_ASSIGN_OR_RETURN(const config::YamlNode root, config::ParseYaml(text));
  std::vector<ConfiguredEndpoint> endpoints;
  config::YamlMap map(root);
  map.ReadMaps("endpoints", [&endpoints](config::YamlMap& entry) {
    ConfiguredEndpoint& endpoint = endpoints.emplace_back();
    entry.Read("address", &endpoint.address);
    entry.Read("strict", &endpoint.strict);
    entry.Read("group", &endpoint.group);
    entry.Read("service_config", &endpoint.service_config);
  });
  TH_RETURN_IF_ERROR(map.Finish());
  for (const ConfiguredEndpoint& endpoint : endpoints) {
    TH_RETURN_IF_ERROR(Validate(endpoint));
  }
  return endpoints;
}

base::StatusOr<std::vector<std::string>> ParseTargetGroups(std::string_view text) {
  TH_ASSIGN_OR_RETURN(const config::YamlNode root, config::ParseYaml(text));
  std::vector<std::string> targets;
  if (root.kind == config::YamlNode::Kind::kNull) {
    return base::InvalidArgument("target groups: empty; no targets are written as []");
  }
  if (root.kind != config::YamlNode::Kind::kSequence) {
    return base::InvalidArgument("target groups: not a list");
  }
  for (const config::YamlNode& group : root.items) {
    config::YamlMap map(group, "target group");
    std::vector<std::string> more;
    map.Read("targets", &more);
    map.Ignore("labels");
    TH_RETURN_IF_ERROR(map.Finish());
    targets.insert(targets.end(), std::make_move_iterator(more.begin()), std::make_move_iterator(more.end()));
  }
  return targets;
}

base::Status TargetFiles::Read() {
  base::Status first_error;
  std::map<std::string, std::vector<std::string>> files;
  for (const std::string& pattern : patterns_) {
    for (const std::string& path : Expand(pattern)) {
      const base::StatusOr<std::string> content = ReadFile(path);
      base::StatusOr<std::vector<std::string>> targets =
          content.ok() ? ParseTargetGroups(*content)
                       : base::StatusOr<std::vector<std::string>>(content.status());
      if (targets.ok()) {
        files[path] = *std::move(targets);
        continue;
      }
      first_error.Update(base::Annotate(targets.status(), path));
      if (const auto last = files_.find(path); last != files_.end()) {
        files[path] = last->second;
      }
    }
  }
  files_ = std::move(files);
  return first_error;
}

std::string TargetFiles::Signature() const {
  std::string signature;
  for (const std::string& pattern : patterns_) {
    for (const std::string& path : Expand(pattern)) {
      struct stat status {};
      if (stat(path.c_str(), &status) == 0) {
        base::Append(signature, path, " ", status.st_ino, " ", status.st_size, " ", status.st_mtim.tv_sec,
                     ".", status.st_mtim.tv_nsec, "\n");
      }
    }
  }
  return signature;
}

std::vector<std::string> TargetFiles::Targets() const {
  std::set<std::string> unique;
  for (const auto& [path, targets] : files_) {
    unique.insert(targets.begin(), targets.end());
  }
  return {unique.begin(), unique.end()};
}

}  // namespace thanos::discovery
