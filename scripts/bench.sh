#!/usr/bin/env bash
# Micro-benchmarks, then the same blocks and queries on store gateway plus querier and on Prometheus, in one run.
#   ./scripts/bench.sh [micro | macro]
set -euo pipefail
source "$(dirname "${BASH_SOURCE[0]}")/functions.sh"
cd "$ROOT"
what=${1:-all}
install_packages "${BUILD_PACKAGES[@]}" "${RUN_PACKAGES[@]}" "${TEST_PACKAGES[@]}"
build_release
if [ "$what" != macro ]; then
  for bench in "$BUILD_DIR"/bench/*_bench; do
    say "$(basename "$bench")"
    "$bench" --benchmark_min_time=0.3
  done
fi
if [ "$what" != micro ]; then
  unpack_peer prometheus || die "no Prometheus to compare with"
  unpack_peer prometheus forky || say "comparing with Prometheus 2.42: 3.5 is not to be had"
  python3 -m bench.macro.query
  python3 -m bench.macro.compact
fi
