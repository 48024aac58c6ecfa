#!/usr/bin/env bash
# Sets up, builds and runs all tests: unit tests, then integration tests on real processes.
#   ./scripts/test.sh [--unit]
set -euo pipefail
source "$(dirname "${BASH_SOURCE[0]}")/functions.sh"

unit_only=false
[ "${1:-}" = --unit ] && unit_only=true

install_packages "${BUILD_PACKAGES[@]}" "${RUN_PACKAGES[@]}" "${TEST_PACKAGES[@]}"
build_release

say "unit tests"
ctest --test-dir "$BUILD_DIR" --output-on-failure -j "$(nproc)"
$unit_only && exit 0

say "fetching the servers to test against"
unpack_peer prometheus || die "no Prometheus to test against"
unpack_peer prometheus-node-exporter || die "no node exporter"
for package in memcached redis-server redis-tools liblzf1 libjemalloc2 liblua5.1-0 lua-cjson lua-bitop; do
  unpack_peer "$package" || say "SKIPPED: $package is not to be had; its cache is tested against the fake alone"
done
if ! unpack_peer prometheus forky; then
  say "SKIPPED: Prometheus 3.5 is not to be had; the differential test falls back to $("$PEERS_DIR/stable/usr/bin/prometheus" --version 2>&1 | head -1)"
fi
if ! (install_packages "${SWIFT_PACKAGES[@]}"); then
  say "SKIPPED: OpenStack Swift is not to be had; S3 is tested against the strict fake alone"
fi

say "integration tests"
cd "$ROOT"
python3 -m unittest discover -v -s tests/integration -t . -p 'test_*.py'
say "all tests passed"
