#!/usr/bin/env bash
# Installs everything that building, testing and the demo need on Debian bookworm. Safe to run again.
set -euo pipefail
source "$(dirname "${BASH_SOURCE[0]}")/functions.sh"
install_packages "${BUILD_PACKAGES[@]}" "${RUN_PACKAGES[@]}" "${TEST_PACKAGES[@]}"
