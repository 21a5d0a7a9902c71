#!/bin/bash
# Builds the fuzz targets and runs them one after the other:  fuzz/run.sh SECONDS [TARGET...]
#
# Each target runs that many seconds (all of them unless some are named) and gives a line: how
# often it ran, how many places of the code it saw, its slowest input, and what it found. The end
# is a failure if something was found: a panic, an input of 10 s, or 2 GB of memory.
#
# Needs cargo-fuzz (cargo install --locked cargo-fuzz) and any stable Rust: RUSTC_BOOTSTRAP lets
# it take the few flags of nightly that cargo-fuzz passes. There is no address sanitizer, since
# nfa is safe code but for its system calls; so memory can be bounded (ulimit) in earnest.
#
# FUZZ_SEED=N makes chance repeatable, as a gate must be: the same 20,000 runs at most, however fast
# the machine is. Without it every run takes other ways.
#
# Seeds come from tests/, and from the captures in $NFA_CORPUS or ../shared/corpus if there are
# any. What a run learns stays in fuzz/corpus/TARGET for the next one, and finds lie in
# fuzz/artifacts/TARGET. To keep one as a test, make it small and put it beside the others:
#
#   fuzz/target/x86_64-unknown-linux-gnu/release/TARGET -minimize_crash=1 -runs=100000 FILE
#   cp minimized-from-... tests/crashes/TARGET/what-it-was
#
# and add its sentence to tests/crashes/README.md.
#
# fuzz/run.sh --long FOLDER [TARGET...] is the long campaign: 10 minutes of CPU for each target, an hour for
# dissector and engine, resumable (fuzz/long.sh).
set -euo pipefail
cd "$(dirname "$0")"

# The largest inputs that make sense, in bytes.
max_len() {
  case $1 in
    engine | twins | capture) echo 32768 ;;
    dissector | tls | quic | dns | http | bittorrent) echo 12288 ;;
    *) echo 4096 ;;
  esac
}

long=
case "${1:-}" in
  --max-len)
    max_len "${2:?}"
    exit 0
    ;;
  --long)
    long=$(realpath -m "${2:?usage: fuzz/run.sh --long FOLDER}")
    shift 2
    long_targets=("$@")
    set -- 0 # for what is common
    # What is built now, whatever is edited while it runs.
    NFA_FUZZ_COMMIT=$(git rev-parse --short HEAD)
    git diff --quiet HEAD -- ../src ../files . || NFA_FUZZ_COMMIT+=+
    export NFA_FUZZ_COMMIT
    ;;
esac
if [ $# -lt 1 ] || ! [[ $1 =~ ^[0-9]+$ ]]; then
  sed -n '2,6s/^# \{0,1\}//p' "$(basename "$0")" >&2
  exit 2
fi
seconds=$1
shift
mapfile -t all < <(sed -n '/^\[\[bin]]/,/^path/s/^name = "\(.*\)"/\1/p' Cargo.toml)
targets=("$@")
[ $# -gt 0 ] || targets=("${all[@]}")

triple=$(rustc -vV | sed -n 's/^host: //p')
RUSTC_BOOTSTRAP=1 cargo fuzz build --sanitizer none --target "$triple" --target-dir target

# With the main build's folder: most of it has been compiled there already.
captures=()
for folder in "${NFA_CORPUS:-}" ../../shared/corpus; do
  [ -n "$folder" ] && [ -d "$folder" ] && captures=("$(realpath "$folder")") && break
done
rm -rf seeds
CARGO_TARGET_DIR=${CARGO_TARGET_DIR:-../target} \
  cargo run --quiet --example seeds -- seeds "${captures[@]}" >/dev/null

[ -z "$long" ] || exec ./long.sh "$long" run "${long_targets[@]}"

runs_most=()
[ -z "${FUZZ_SEED:-}" ] || runs_most=(-runs=20000)
failed=()
for target in "${targets[@]}"; do
  mkdir -p "corpus/$target" "seeds/$target" "artifacts/$target"
  log="artifacts/$target.log"
  status=0
  (
    ulimit -v 8000000
    exec "target/$triple/release/$target" -max_total_time="$seconds" -timeout=10 \
      -seed="${FUZZ_SEED:-0}" "${runs_most[@]}" \
      -rss_limit_mb=2048 -max_len="$(max_len "$target")" -print_final_stats=1 \
      -artifact_prefix="artifacts/$target/" "corpus/$target" "seeds/$target"
  ) >"$log" 2>&1 || status=$?
  runs=$(sed -n 's/^stat::number_of_executed_units: *//p' "$log")
  slowest=$(sed -n 's/^stat::slowest_unit_time_sec: *//p' "$log")
  places=$(grep -o 'cov: [0-9]*' "$log" | tail -n 1 | cut -d ' ' -f 2 || true)
  found=nothing
  if [ "$status" -ne 0 ]; then
    failed+=("$target")
    found=$(grep -o 'artifacts/[^ ]*' "$log" | tail -n 1 || true)
    found="FOUND ${found:-status $status, see fuzz/$log}"
  fi
  printf '%-14s %9s runs  %6s places  slowest %s s  %s\n' \
    "$target" "${runs:-?}" "${places:-?}" "${slowest:-?}" "$found"
  [ "$status" -eq 0 ] || grep -m 3 -A 4 -E 'panicked at|ERROR: libFuzzer' "$log" || true
done
if [ ${#failed[@]} -gt 0 ]; then
  echo "found something: ${failed[*]}" >&2
  exit 1
fi
