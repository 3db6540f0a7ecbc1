#!/usr/bin/env bash
# Installs, builds and runs all tests. Ends with the summary of ctest; exits
# non-zero if anything failed.
#
#   tests/run.sh              everything, with a short form of the slow suites
#   tests/run.sh sanitizers   also all tests under ASan + UBSan and all unit tests under TSan
#   tests/run.sh chaos        also the long storms: 1000 kills of a study of 200 runs, on each store
#   tests/run.sh soak         also the long soak: half an hour of small studies, with kills
#   tests/run.sh fuzz         also ten minutes of libFuzzer on each target
#   tests/run.sh tidy         also clang-tidy over all of the code
# Arguments combine.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

sanitizers=short fuzz=short tidy=no chaos=no soak=no
for argument in "$@"; do
  case "$argument" in
    sanitizers) sanitizers=long ;;
    chaos) chaos=yes ;;
    soak) soak=yes ;;
    fuzz) fuzz=long ;;
    tidy) tidy=yes ;;
    *)
      sed -n '2,12s/^# \{0,1\}//p' "$0" >&2
      exit 2
      ;;
  esac
done

deploy/install-deps.sh
jobs=$(nproc)
failures=()
step() { printf '\n== %s\n' "$*"; }
# Runs a command; a failure is remembered, and the run goes on.
try() { "$@" || failures+=("$*"); }

step "format"
git ls-files '*.h' '*.cc' '*.proto' | grep -v '\.proto$' | xargs clang-format --dry-run --Werror ||
  failures+=("clang-format")

build() { cmake --preset "$1" >/dev/null && cmake --build --preset "$1" -j "$jobs" -- --quiet "${@:2}"; }

step "release build"
build release

step "address and undefined-behaviour sanitizers ($sanitizers)"
export ASAN_OPTIONS=detect_stack_use_after_return=1 UBSAN_OPTIONS=print_stacktrace=1
targets=(inprocess_tests) filter=(-LE integration)
[[ $sanitizers == long ]] && targets=(all) filter=()
if build asan "${targets[@]}"; then
  try ctest --test-dir build/asan --output-on-failure -j "$jobs" "${filter[@]}"
else
  failures+=("asan build")
fi

step "thread sanitizer ($sanitizers)"
export OMP_TOOL_LIBRARIES=libarcher.so TSAN_OPTIONS="ignore_noninstrumented_modules=1 halt_on_error=1"
targets=(tsan_short_tests) filter=(-L tsan_short)
[[ $sanitizers == long ]] && targets=(tsan_tests) filter=(-L unit)
if build tsan "${targets[@]}"; then
  try ctest --test-dir build/tsan --output-on-failure -j "$jobs" "${filter[@]}"
else
  failures+=("tsan build")
fi
unset OMP_TOOL_LIBRARIES TSAN_OPTIONS

if [[ $fuzz == long ]]; then
  step "fuzzing, ten minutes a target"
  if build fuzz fuzz_targets; then
    fuzz_one() {
      local name corpus
      name=$(basename "$1" _fuzz)
      corpus=$(mktemp -d)
      "$1" -max_total_time=600 -timeout=20 "$corpus" "tests/fuzz/corpus/$name" >"build/fuzz/$name.log" 2>&1 ||
        { cat "build/fuzz/$name.log"; return 1; }
      echo "$name: $(grep '^Done' "build/fuzz/$name.log")"
      rm -rf "$corpus"
    }
    export -f fuzz_one
    try xargs -P "$jobs" -I{} bash -c 'fuzz_one {}' < <(ls build/fuzz/bin/*_fuzz)
  else
    failures+=("fuzz build")
  fi
fi

if [[ $tidy == yes ]]; then
  step "clang-tidy"
  try build tidy
fi

if [[ $chaos == yes ]]; then
  step "kill storm"
  try env TPSWEEP_BIN_DIR="$PWD/build/release/bin" TPSWEEP_KILLS=1000 TPSWEEP_RUNS=200 TPSWEEP_EPOCHS=200 \
    build/release/bin/kill_storm_test
  try env TPSWEEP_BIN_DIR="$PWD/build/release/bin" TPSWEEP_FAILPOINT_TIMES=5 \
    build/release/bin/failpoints_test --gtest_filter='*Postgres*'
  try env TPSWEEP_BIN_DIR="$PWD/build/release/bin" TPSWEEP_KILLS=1000 TPSWEEP_EPOCHS=400 \
    build/release/bin/takeover_test --gtest_filter='*Storm*'
fi

if [[ $soak == yes ]]; then
  step "soak"
  try env TPSWEEP_BIN_DIR="$PWD/build/release/bin" TPSWEEP_SOAK_SECONDS=1800 build/release/bin/soak_test
fi

step "tests"
try ctest --preset release -j "$jobs"

if [[ ${#failures[@]} -gt 0 ]]; then
  printf 'FAILED: %s\n' "${failures[@]}" >&2
  exit 1
fi
