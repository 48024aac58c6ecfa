# Sourced by the scripts of this folder: places, progress output, package installation.
# shellcheck shell=bash

ROOT=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
BUILD_DIR=$ROOT/build/release
BIN_DIR=${THANOS_BIN_DIR:-$BUILD_DIR/bin}  # set it to use binaries that are there already
PEERS_DIR=$ROOT/build/peers

say() { printf '\033[1m==>\033[0m %s\n' "$*" >&2; }
die() {
  printf 'error: %s\n' "$*" >&2
  exit 1
}

as_root() {
  if [ "$(id -u)" = 0 ]; then
    "$@"
  elif command -v sudo >/dev/null; then
    sudo "$@"
  else
    die "installing packages needs root or sudo"
  fi
}

BUILD_PACKAGES=(
  ca-certificates cmake ninja-build ccache mold g++ pkg-config git
  libgrpc++-dev libprotobuf-dev protobuf-compiler protobuf-compiler-grpc
  libcurl4-openssl-dev libssl-dev libyaml-cpp-dev rapidjson-dev liblz4-dev libsnappy-dev libzstd-dev
  libgoogle-glog-dev libgflags-dev libevent-dev libre2-dev libabsl-dev prometheus-cpp-dev libxxhash-dev
  libgtest-dev libgmock-dev libbenchmark-dev zlib1g-dev
)
RUN_PACKAGES=(curl jq procps)
TEST_PACKAGES=(python3)
# Swift's library alone: its servers are run by the tests, and no system service comes with it.
SWIFT_PACKAGES=(python3-swift)

# Installs the named packages that are missing; quiet when there is nothing to do.
install_packages() {
  local missing=() package
  for package in "$@"; do
    if [ "$(dpkg-query -W -f='${db:Status-Status}' "$package" 2>/dev/null)" != installed ]; then
      missing+=("$package")
    fi
  done
  if [ ${#missing[@]} -eq 0 ]; then
    return 0
  fi
  say "installing ${#missing[@]} Debian packages: ${missing[*]}"
  local log
  log=$(mktemp)
  if ! { as_root apt-get update -q && as_root env DEBIAN_FRONTEND=noninteractive \
    apt-get install -y -q --no-install-recommends "${missing[@]}"; } >"$log" 2>&1; then
    tail -20 "$log" >&2
    die "apt-get could not install: ${missing[*]} (full log: $log)"
  fi
  rm -f "$log"
}

# Unpacks the servers that demo and tests run against into build/peers, without installing them: an installed package
# would start system services. The second argument is the suite ("" means the machine's own).
unpack_peer() {
  local package=$1 suite=${2:-} target=$PEERS_DIR/${2:-stable} work log options=()
  [ -e "$target/.$package" ] && return 0
  work=$(mktemp -d)
  log=$work/log
  mkdir -p "$target"
  if [ -n "$suite" ]; then
    mkdir -p "$work/lists/partial" "$work/cache/archives/partial"
    suite_sources "$suite" "$work"
    options=(-o "Dir::Etc::sourcelist=$work/$suite.sources" -o Dir::Etc::sourceparts=-
      -o "Dir::State::lists=$work/lists" -o "Dir::Cache=$work/cache" -o Debug::NoLocking=1 -o APT::Sandbox::User=root
      # A mirror of a moving suite may lag behind the signed validity; the signature itself is still checked.
      -o Acquire::Check-Valid-Until=false)
    apt-get "${options[@]}" update >>"$log" 2>&1 || { tail -3 "$log" >&2; return 1; }
  elif [ -z "$(apt-cache policy "$package" 2>/dev/null | grep Candidate)" ]; then
    as_root apt-get update -q >>"$log" 2>&1
  fi
  (cd "$work" && apt-get "${options[@]}" download "$package" >>"$log" 2>&1) || { tail -3 "$log" >&2; return 1; }
  dpkg -x "$work"/"$package"_*.deb "$target" || return 1
  touch "$target/.$package"
  rm -rf "$work"
}

# The machine's own Debian source with another suite, in either of apt's two formats.
suite_sources() {
  local suite=$1 work=$2 uri
  uri=$(cat /etc/apt/sources.list /etc/apt/sources.list.d/*.list /etc/apt/sources.list.d/*.sources 2>/dev/null |
    sed -nE 's/^URIs: *([^ ]+).*/\1/p; s/^deb +(\[[^]]*\] *)?([^ ]+).*/\2/p' | grep -v security | head -1)
  [ -n "$uri" ] || die "no Debian source found in /etc/apt"
  printf 'Types: deb\nURIs: %s\nSuites: %s\nComponents: main\nSigned-By: %s\n' "$uri" "$suite" \
    /usr/share/keyrings/debian-archive-keyring.gpg >"$work/$suite.sources"
}

# Configures the release preset and builds the named targets (all of them without arguments); prints the build tool's own
# progress on a terminal.
build_release() {
  local log=$ROOT/build/build.log target=()
  [ $# -eq 0 ] || target=(--target "$@")
  mkdir -p "$ROOT/build"
  say "building (log: build/build.log)"
  (cd "$ROOT" && cmake --preset release >"$log" 2>&1) || { tail -30 "$log" >&2; die "configuring failed"; }
  if [ -t 1 ]; then
    cmake --build "$BUILD_DIR" "${target[@]}" || die "the build failed"
  else
    # No terminal: one line for each tenth of the build.
    cmake --build "$BUILD_DIR" "${target[@]}" 2>&1 | tee -a "$log" |
      awk -F'[][/]' '/^\[[0-9]+\/[0-9]+\]/ { if ($3 > 0 && int(10 * $2 / $3) > done) { done = int(10 * $2 / $3); printf "    built %d of %d\n", $2, $3; fflush() } }'
    [ "${PIPESTATUS[0]}" = 0 ] || { grep -E 'error|FAILED' "$log" | head -30 >&2; die "the build failed"; }
  fi
}
