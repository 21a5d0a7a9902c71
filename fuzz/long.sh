#!/bin/bash
# The long campaign, started by `fuzz/run.sh --long FOLDER`, which builds: each target until it has
# had ten minutes of CPU, dissector and engine an hour; one process at a time, at the lowest
# priority, in slices. Stop it whenever you like: the same command goes on where it was.
#
# FOLDER/slices.tsv gets a line for each slice: when, commit, target, CPU seconds, runs, places of
# the code seen, what was found. `fuzz/long.sh FOLDER` alone sums them up, as a table for
# docs/reliability.md. What is learned lies in FOLDER/corpus, finds in FOLDER/artifacts.
# A target with a find of the commit at hand is not run on: mend it first.
#
# CPU time counts, not the clock: on a busy machine the lowest priority gets little. Where cores are
# idle, several may work in one folder: fuzz/run.sh --long FOLDER TARGET... is for those targets alone.
set -euo pipefail
cd "$(dirname "$0")"

folder=${1:?usage: fuzz/long.sh FOLDER}
mode=${2:-}
shift $(($# < 2 ? $# : 2))
slices=$folder/slices.tsv

# What strangers send from afar comes first, then what the kernel says, then what people write.
order=(dissector engine quic tls dns bittorrent http wire tcp_prefix hints twins netlink_reply control
  capture lists catalogue uci config criteria zone)
[ $# -eq 0 ] || order=("$@")
goal() {
  case $1 in
    dissector | engine) echo 3600 ;;
    *) echo 600 ;;
  esac
}

# Sum of a column of a target's slices; column 4 is CPU seconds, 5 runs.
sum() {
  awk -F '\t' -v target="$1" -v column="$2" \
    '$3 == target { sum += $column } END { printf "%.0f", sum }' "$slices"
}

table() {
  echo "| target | CPU seconds | runs | places | finds | commits |"
  echo "|---|---|---|---|---|---|"
  for target in "${order[@]}"; do
    awk -F '\t' -v target="$target" '
      $3 == target {
        cpu += $4; runs += $5; if ($6 > places) places = $6
        if ($7 != "nothing") finds++
        if (!seen[$2]++) commits = commits (commits == "" ? "" : " ") $2
      }
      END { printf "| %s | %.0f | %.0f | %d | %d | %s |\n", target, cpu, runs, places, finds, commits }
    ' "$slices"
  done
  awk -F '\t' '{ cpu += $4; runs += $5 }
    END { printf "| all | %.0f (%.2f hours) | %.0f | | | |\n", cpu, cpu / 3600, runs }' "$slices"
}

mkdir -p "$folder"
touch "$slices"
if [ -z "$mode" ]; then
  table
  exit 0
fi

commit=${NFA_FUZZ_COMMIT:?started by fuzz/run.sh --long}
# Of this process alone, as is its reckoning of time.
own=$(mktemp -d "$folder/run.XXXXXX")
trap 'rm -rf "$own"' EXIT
programs=$own/programs
mkdir -p "$programs" "$folder/seeds"
triple=$(rustc -vV | sed -n 's/^host: //p')
for target in "${order[@]}"; do
  cp "target/$triple/release/$target" "$programs/" # so that a later build does not change them
done
cp -r seeds/. "$folder/seeds/"

# One slice of so many seconds by the clock.
slice() {
  local target=$1 seconds=$2 log status=0 found=nothing max_len before cpu runs places
  log=$folder/$target.log
  mkdir -p "$folder/corpus/$target" "$folder/seeds/$target" "$folder/artifacts/$target"
  max_len=$(./run.sh --max-len "$target")
  before=$(children)
  # An input's 60 s are by the clock too, so what passes them is looked at again below.
  (
    ulimit -v 8000000
    exec nice -n 19 "$programs/$target" -max_total_time="$seconds" -timeout=60 \
      -rss_limit_mb=2048 -max_len="$max_len" -print_final_stats=1 \
      -artifact_prefix="$folder/artifacts/$target/" \
      "$folder/corpus/$target" "$folder/seeds/$target"
  ) >"$log" 2>&1 || status=$?
  times >"$own/times"
  cpu=$(awk -v now="$(children)" -v before="$before" 'BEGIN { printf "%.1f", now - before }')
  runs=$(sed -n 's/^stat::number_of_executed_units: *//p' "$log")
  places=$(grep -o 'cov: [0-9]*' "$log" | tail -n 1 | cut -d ' ' -f 2 || true)
  if [ "$status" -ne 0 ]; then
    found=$(grep -o "$folder/artifacts/[^ ]*" "$log" | tail -n 1 || true)
    found=${found:-status $status}
    cp "$log" "$folder/$target.found.log"
    if [[ $found == */timeout-* || $found == */slow-unit-* ]] && quick "$target" "$found"; then
      rm -f "$found"
      found=nothing # the machine was busy, not the target
    fi
  fi
  printf '%s\t%s\t%s\t%s\t%s\t%s\t%s\n' "$(date -u +%FT%TZ)" "$commit" "$target" "$cpu" \
    "${runs:-0}" "${places:-0}" "$found" | tee -a "$slices"
}

# Seconds of CPU that all finished children have had, as of the last `times >OWN/times`: in a
# subshell, as here, that command would tell of the subshell's own.
children() {
  sed -n 2p "$own/times" | tr 'ms' '  ' | awk '{ print $1 * 60 + $2 + $3 * 60 + $4 }'
}

# Whether an input takes less than 2 s of CPU.
quick() {
  (ulimit -t 2 && "$programs/$1" "$2" >/dev/null 2>&1)
}

times >"$own/times"

# Round by round a slice for each, so that all have had something wherever it ends.
step() {
  local target=$1 left
  left=$(($(goal "$target") - $(sum "$target" 4)))
  [ "$left" -gt 0 ] || return 1
  if awk -F '\t' -v target="$target" -v commit="$commit" \
    '$3 == target && $2 == commit && $7 != "nothing" { found = 1 } END { exit !found }' "$slices"; then
    return 1
  fi
  slice "$target" "$((left < 120 ? left + 1 : 120))"
}
more=true
while $more; do
  more=false
  for target in "${order[@]}"; do
    if step "$target"; then more=true; fi
  done
done
table
