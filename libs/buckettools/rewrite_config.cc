#include <utility>

#include "base/strings.h"
#include "buckettools/rewrite.h"
#include "config/yaml.h"
#include "promql_parser/parser.h"

namespace thanos::buckettools {
namespace {

base::Status ReadRequest(const config::YamlNode& node, DeletionRequest* request) {
  config::YamlMap map(node);
  map.Read("matchers", &request->text.matchers);
  map.Read("request_id", &request->text.request_id);
  map.ReadMaps("intervals", [&](config::YamlMap& interval) {
    block::BlockRewrite::Interval times;
    interval.Read("mint", &times.min_time_ms);
    interval.Read("maxt", &times.max_time_ms);
    if (times.min_time_ms > times.max_time_ms) {
      interval.Fail("maxt", "is below mint");
    }
    request->text.intervals.push_back(times);
  });
  auto matchers = promql_parser::ParseMetricSelector(request->text.matchers);
  if (!matchers.ok()) {
    map.Fail("matchers", base::Message(matchers.status()));
    return map.Finish();
  }
  request->matchers = *std::move(matchers);
  return map.Finish();
}

}  // namespace

base::StatusOr<std::vector<DeletionRequest>> ParseDeletionRequests(std::string_view yaml) {
  TH_ASSIGN_OR_RETURN(const config::YamlNode root, config::ParseYaml(yaml));
  std::vector<DeletionRequest> requests;
  if (root.kind == config::YamlNode::Kind::kNull) {
    return requests;
  }
  if (root.kind != config::YamlNode::Kind::kSequence) {
    return base::InvalidArgument("line ", root.line, ": expected a sequence of deletion requests");
  }
  for (const config::YamlNode& item : root.items) {
    TH_RETURN_IF_ERROR(base::Annotate(ReadRequest(item, &requests.emplace_back()), "line ", item.line));
  }
  return requests;
}

}  // namespace thanos::buckettools
