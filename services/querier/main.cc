#include "app/service.h"
#include "services/querier/flags.h"
#include "services/querier/querier.h"

int main(int argc, char** argv) {
  thanos::app::Service service("query", "Querier: PromQL over all endpoints, with deduplication.");
  thanos::services::QuerierFlags flags;
  flags.AddTo(service.flags());
  service.ParseFlags(argc, argv);
  return thanos::services::RunQuerier(service, flags);
}
