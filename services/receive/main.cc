#include "app/service.h"
#include "base/status.h"
#include "services/receive/flags.h"

int main(int argc, char** argv) {
  thanos::app::Service service("receive",
                               "Receiver: takes remote write, replicates it and serves it through StoreAPI.");
  thanos::services::ReceiveFlags flags;
  flags.AddTo(service.flags());
  service.ParseFlags(argc, argv);
  return service.ExitWith(thanos::base::Unimplemented("this component is not implemented yet"));
}
