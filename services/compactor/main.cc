#include "app/service.h"
#include "services/compactor/compactor.h"
#include "services/compactor/flags.h"

int main(int argc, char** argv) {
  thanos::app::Service service("compact", "Compactor: merges, downsamples and deletes blocks of a bucket.",
                               thanos::app::GrpcServer::kNo);
  thanos::services::CompactorFlags flags;
  flags.AddTo(service.flags());
  service.ParseFlags(argc, argv);
  return thanos::services::RunCompactor(service, flags);
}
