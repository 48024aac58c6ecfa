#!/usr/bin/env bash
# Long loops by hand: the compactor over many blocks and killed 200 times, then components killed and stopped at random while
# queries run; see tests/soak/.
#   ./scripts/soak.sh [MINUTES]
set -euo pipefail
source "$(dirname "${BASH_SOURCE[0]}")/functions.sh"
cd "$ROOT"
install_packages "${BUILD_PACKAGES[@]}" "${RUN_PACKAGES[@]}" "${TEST_PACKAGES[@]}"
build_release
unpack_peer prometheus || die "no Prometheus to test with"
python3 -m tests.soak.compactor_scale
python3 -m tests.soak.compactor_crash
THANOS_SOAK_MINUTES=${1:-30} python3 -m tests.soak.crash_loop
