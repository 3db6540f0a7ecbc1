#!/usr/bin/env bash
# Installs what tpsweep needs, from Debian's packages only: the one place that
# installs anything. A second run finds everything there and is quick.
#
#   deploy/install-deps.sh          to build, run and test
#   deploy/install-deps.sh --list   only say which packages that would be
set -euo pipefail

packages=(
  # to build
  git g++ cmake ninja-build pkg-config ccache lld gfortran
  libgrpc++-dev libprotobuf-dev protobuf-compiler protobuf-compiler-grpc libabsl-dev
  libeigen3-dev libopenblas-serial-dev libyaml-cpp-dev nlohmann-json3-dev libcli11-dev
  libspdlog-dev libsqlite3-dev libpq-dev zlib1g-dev libisal-dev libzip-dev libssl-dev libboost-dev
  libjemalloc-dev
  # to test
  libgtest-dev libgmock-dev libbenchmark-dev postgresql slurm-wlm iproute2 openssl
  clang clang-format clang-tidy libclang-rt-14-dev libomp-dev
  # data of the quick start and of the tests
  dataset-fashion-mnist
)

if [[ "${1:-}" == "--list" ]]; then
  printf '%s\n' "${packages[@]}"
  exit 0
elif [[ $# -gt 0 ]]; then
  echo "usage: $0 [--list]" >&2
  exit 2
fi

command -v apt-get >/dev/null || {
  echo "install-deps: apt-get not found: this script is for Debian 12." >&2
  echo "install-deps: the packages it would install are listed by $0 --list" >&2
  exit 1
}

missing=()
for package in "${packages[@]}"; do
  status=$(dpkg-query -W -f '${db:Status-Status}' "$package" 2>/dev/null || true)
  [[ "$status" == installed ]] || missing+=("$package")
done
if [[ ${#missing[@]} -eq 0 ]]; then
  echo "install-deps: all ${#packages[@]} packages are there."
  exit 0
fi

as_root=()
if [[ $EUID -ne 0 ]]; then
  command -v sudo >/dev/null || {
    echo "install-deps: must be root, or have sudo, to install: ${missing[*]}" >&2
    exit 1
  }
  as_root=(sudo)
fi

echo "install-deps: installing ${#missing[@]} of ${#packages[@]} packages: ${missing[*]}"
apt=("${as_root[@]}" env DEBIAN_FRONTEND=noninteractive apt-get -o DPkg::Lock::Timeout=300 -qq)
"${apt[@]}" update
"${apt[@]}" install -y --no-install-recommends "${missing[@]}" >/dev/null
echo "install-deps: done."
