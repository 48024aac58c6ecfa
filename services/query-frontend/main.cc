#include "app/service.h"
#include "base/status.h"
#include "services/query-frontend/flags.h"

int main(int argc, char** argv) {
  thanos::app::Service service("query-frontend",
                               "Query frontend: splits, retries and caches queries in front of queriers.",
                               thanos::app::GrpcServer::kNo);
  thanos::services::QueryFrontendFlags flags;
  flags.AddTo(service.flags());
  service.ParseFlags(argc, argv);
  return service.ExitWith(thanos::base::Unimplemented("this component is not implemented yet"));
}
