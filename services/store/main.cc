#include "app/service.h"
#include "services/store/flags.h"
#include "services/store/store.h"

int main(int argc, char** argv) {
  thanos::app::Service service("store", "Store gateway: serves the blocks of a bucket through StoreAPI.");
  thanos::services::StoreFlags flags;
  flags.AddTo(service.flags());
  service.ParseFlags(argc, argv);
  return thanos::services::RunStore(service, flags);
}
