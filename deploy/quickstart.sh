#!/usr/bin/env bash
# From a fresh checkout to a first result: installs, builds, and compares
# backpropagation with two target-propagation rules on Fashion-MNIST, by a sweep
# that runs through a server and two workers on this machine.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

echo "== 1/3 packages"
deploy/install-deps.sh

echo "== 2/3 build"
cmake --preset release >/dev/null
cmake --build --preset release -- --quiet tpsweep tpsweep-server tpsweep-worker

echo "== 3/3 sweep: deploy/examples/fashion-mnist-first-look.yaml"
exec build/release/bin/tpsweep run deploy/examples/fashion-mnist-first-look.yaml \
  --workers 2 --by training.rule "$@"
