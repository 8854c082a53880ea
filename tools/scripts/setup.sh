#!/usr/bin/env bash
# Shared by tools/run and tools/test: installs what is missing and builds. Quiet when there is nothing to do.
set -euo pipefail

root=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)
build="$root/build/release"

# Debian and Ubuntu packages: compiler and build tools, then the libraries of tools/cmake/packages.cmake.
packages=(g++ cmake ninja-build pkg-config
  libsimgrid-dev libeigen3-dev nlohmann-json3-dev libcli11-dev libfmt-dev libasio-dev node-d3
  libgtest-dev libgmock-dev libbenchmark-dev)

say() { printf '%s\n' "ppplan: $*" >&2; }

missing_packages() {
  local name
  for name in "${packages[@]}"; do
    dpkg-query -W -f='${db:Status-Status}\n' "$name" 2>/dev/null | grep -qx installed || printf '%s\n' "$name"
  done
}

install_missing() {
  if ! command -v dpkg-query >/dev/null || ! command -v apt-get >/dev/null; then
    say "this is no Debian or Ubuntu: install the equivalents of ${packages[*]} yourself"
    return
  fi
  local missing as_root=()
  mapfile -t missing < <(missing_packages)
  [ ${#missing[@]} -gt 0 ] || return 0
  if [ "$(id -u)" -ne 0 ]; then
    command -v sudo >/dev/null || { say "missing packages: ${missing[*]} (install them as root)"; exit 1; }
    as_root=(sudo)
  fi
  say "installing ${missing[*]}"
  local log
  log=$(mktemp)
  if ! { "${as_root[@]}" apt-get update && "${as_root[@]}" env DEBIAN_FRONTEND=noninteractive \
           apt-get install -y --no-install-recommends "${missing[@]}"; } >"$log" 2>&1; then
    tail -n 20 "$log" >&2
    say "the installation failed, its whole output is in $log"
    exit 1
  fi
  rm -f "$log"
}

# Compilers are asked through ccache where it is installed; paths below the checkout mean the same in another checkout.
if command -v ccache >/dev/null; then
  export CMAKE_CXX_COMPILER_LAUNCHER=${CMAKE_CXX_COMPILER_LAUNCHER:-ccache} CCACHE_BASEDIR=${CCACHE_BASEDIR:-$root}
fi

# build TARGET: configures when needed and builds; shows the compiler's output only when it fails.
build_target() {
  local target=$1 log
  if [ ! -f "$build/build.ninja" ]; then
    say "configuring $build"
    log=$(mktemp)
    (cd "$root" && cmake --preset release) >"$log" 2>&1 || { tail -n 30 "$log" >&2; exit 1; }
    rm -f "$log"
  fi
  if ! ninja -C "$build" -n "$target" 2>/dev/null | grep -q 'no work to do'; then
    say "building $target (some minutes the first time)"
    log=$(mktemp)
    cmake --build "$build" --target "$target" >"$log" 2>&1 || { tail -n 40 "$log" >&2; exit 1; }
    rm -f "$log"
  fi
}
