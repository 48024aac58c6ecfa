#include "app/service.h"
#include "base/status.h"
#include "services/ruler/flags.h"

int main(int argc, char** argv) {
  thanos::app::Service service("rule", "Ruler: evaluates recording and alerting rules over query APIs.");
  thanos::services::RulerFlags flags;
  flags.AddTo(service.flags());
  service.ParseFlags(argc, argv);
  return service.ExitWith(thanos::base::Unimplemented("this component is not implemented yet"));
}
