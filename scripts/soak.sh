#!/usr/bin/env bash
# A long loop by hand: components are killed and stopped at random while queries run; see tests/soak/crash_loop.py.
#   ./scripts/soak.sh [MINUTES]
set -euo pipefail
source "$(dirname "${BASH_SOURCE[0]}")/functions.sh"
cd "$ROOT"
install_packages "${BUILD_PACKAGES[@]}" "${RUN_PACKAGES[@]}" "${TEST_PACKAGES[@]}"
build_release
unpack_peer prometheus || die "no Prometheus to test with"
THANOS_SOAK_MINUTES=${1:-30} python3 -m tests.soak.crash_loop
