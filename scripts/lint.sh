#!/usr/bin/env bash
# Format, file sizes and clang-tidy on the files changed since a revision (default: the last commit).
#   ./scripts/lint.sh [REVISION | --all]
set -euo pipefail
source "$(dirname "${BASH_SOURCE[0]}")/functions.sh"
cd "$ROOT"
install_packages clang-14 clang-format-14 clang-tidy-14

if [ "${1:-}" = --all ]; then
  mapfile -t files < <(git ls-files '*.h' '*.cc')
else
  mapfile -t files < <({ git diff --name-only --diff-filter=d "${1:-HEAD~1}" -- '*.h' '*.cc'; git ls-files -o --exclude-standard -- '*.h' '*.cc'; } | sort -u)
fi
[ ${#files[@]} -gt 0 ] || { say "nothing to lint"; exit 0; }

say "clang-format (${#files[@]} files)"
clang-format-14 --dry-run --Werror "${files[@]}"
say "file sizes"
for file in "${files[@]}"; do
  lines=$(wc -l <"$file")
  [ "$lines" -le 1000 ] || die "$file has $lines lines; 1000 is the limit"
done
say "clang-tidy"
cmake --preset tidy >/dev/null
cmake --build --preset tidy --target thanos_proto >/dev/null
printf '%s\n' "${files[@]}" | grep '\.cc$' | xargs -r -P "$(nproc)" -n 4 clang-tidy-14 -p build/tidy --quiet
