#!/usr/bin/env bash
# Builds the fuzz targets and runs each for a while; findings are left in build/fuzz/findings.
#   ./scripts/fuzz.sh [SECONDS] [TARGET...]
set -euo pipefail
source "$(dirname "${BASH_SOURCE[0]}")/functions.sh"
cd "$ROOT"
seconds=${1:-60}
shift || true
install_packages "${BUILD_PACKAGES[@]}" clang-14 libclang-rt-14-dev
cmake --preset fuzz >/dev/null
cmake --build --preset fuzz
targets=("$@")
[ ${#targets[@]} -gt 0 ] || mapfile -t targets < <(find build/fuzz/fuzz -maxdepth 1 -type f -executable -printf '%f\n' | sort)
mkdir -p build/fuzz/findings
for target in "${targets[@]}"; do
  say "fuzzing $target for $seconds s"
  mkdir -p "build/fuzz/corpus/$target"
  "build/fuzz/fuzz/$target" -max_total_time="$seconds" -timeout=10 -rss_limit_mb=2048 -print_final_stats=1 \
    -artifact_prefix="build/fuzz/findings/$target-" "build/fuzz/corpus/$target" 2>&1 | grep -E 'ERROR|number_of_executed_units|SUMMARY' || true
done
[ -z "$(ls build/fuzz/findings)" ] || die "findings: $(ls build/fuzz/findings)"
