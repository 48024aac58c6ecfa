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

# Seeds from the golden files and the PromQL scripts; many targets take a first byte that chooses the decoder.
seed() {
  local target=$1 prefix=$2 file name
  shift 2
  mkdir -p "build/fuzz/seeds/$target"
  for file in "$@"; do
    name=$(printf '%s' "$file-$prefix" | tr -c 'A-Za-z0-9.\n-' _)
    { printf '%b' "$prefix"; cat "$file"; } >"build/fuzz/seeds/$target/$name"
  done
}
seed series_frame_fuzz '' tests/golden/storeapi/*.bin
seed index_fuzz '\x00' tests/golden/block/*/index
seed remote_read_fuzz '\x00' tests/golden/remote_read/chunked.bin
seed remote_read_fuzz '\x02' tests/golden/remote_read/samples.snappy
mkdir -p build/fuzz/seeds/promql_parser_fuzz
sed -nE 's/^eval instant at [^ ]+ +//p' tests/promql/*.test | split -l 1 -a 4 - build/fuzz/seeds/promql_parser_fuzz/query-

mkdir -p build/fuzz/findings
failed=()
for target in "${targets[@]}"; do
  say "fuzzing $target for $seconds s"
  mkdir -p "build/fuzz/corpus/$target" "build/fuzz/seeds/$target"
  log=build/fuzz/$target.log
  "build/fuzz/fuzz/$target" -max_total_time="$seconds" -timeout=10 -rss_limit_mb=2048 -print_final_stats=1 \
    -artifact_prefix="build/fuzz/findings/$target-" "build/fuzz/corpus/$target" "build/fuzz/seeds/$target" >"$log" 2>&1 ||
    failed+=("$target")
  grep -E 'ERROR|runtime error|cov: |number_of_executed_units|SUMMARY' "$log" | tail -4 || tail -20 "$log"
done
[ ${#failed[@]} -eq 0 ] || die "failed: ${failed[*]}; logs in build/fuzz, inputs in build/fuzz/findings"
