#include "app/service.h"
#include "services/sidecar/flags.h"
#include "services/sidecar/sidecar.h"

int main(int argc, char** argv) {
  thanos::app::Service service("sidecar", "Sidecar for Prometheus server.");
  thanos::sidecar::SidecarFlags flags;
  flags.AddTo(service.flags());
  service.ParseFlags(argc, argv);
  return thanos::sidecar::Run(service, flags);
}
