#!/bin/bash
# A stranger's path: the commands of README.md's "See it work", literally, from a fresh clone of this
# repository to marked BitTorrent, timed. Fails if that takes over five minutes. As root.
#   tests/lab/stranger.sh [SOURCE]      SOURCE: what is cloned (default: this repository)
set -euo pipefail
cd "$(dirname "$0")/../.."
source=${1:-$PWD}
limit=300 # seconds
scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT
# shellcheck disable=SC2016 # backquotes as they stand
commands=$(sed -n '/^## See it work$/,/^## /p' README.md | sed -n '/^```sh$/,/^```$/p' | sed '1d;$d')
[ "$(wc -l <<<"$commands")" -ge 3 ] || { echo "README.md has no commands under 'See it work'" >&2; exit 1; }
printf '%s\n' "${commands//URL/$source}" >"$scratch/commands"
echo "load at the start: $(cut -d ' ' -f 1-3 /proc/loadavg), $(nproc) processors"
cat "$scratch/commands"
start=$(date +%s)
(cd "$scratch" && bash -e commands) | tee "$scratch/log"
took=$(($(date +%s) - start))
# Of the commands, on all processors: what it would take, about, on a machine with nothing else to do.
times >"$scratch/times" # in a shell of its own it would have none
spent=$(tail -n 1 "$scratch/times")
echo "load at the end: $(cut -d ' ' -f 1-3 /proc/loadavg)"
grep -q 'packets of BitTorrent are marked' "$scratch/log"
echo "from the clone to marked BitTorrent: $took s (processor time: $spent)"
if [ "$took" -gt "$limit" ]; then
  echo "over $limit s" >&2
  exit 1
fi
