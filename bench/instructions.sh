#!/bin/bash
# Instructions per packet of `nfa replay` by callgrind, the start taken off.
#   bench/instructions.sh PROGRAM CAPTURES [NAME ...]       prints NAME PACKETS INSTRUCTIONS/PACKET
# CAPTURES is a folder made by bench/captures.py; the names are mix, bulk, corpus.
set -euo pipefail
cd "$(dirname "$0")/.."
program=$1
captures=$2
shift 2
[ $# -gt 0 ] || set -- mix bulk

scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT

instructions() {
  local out=${CALLGRIND_OUT:-$scratch}/callgrind.$1
  valgrind --tool=callgrind --callgrind-out-file="$out" "$program" replay \
    --config docs/examples/headline.json --catalogue files/usr/share/nfa/apps.d --max-flows 131072 --quiet "$captures/$1.pcap" \
    >/dev/null 2>"$scratch/log" || { cat "$scratch/log" >&2; return 1; }
  sed -n 's/^summary: //p' "$out"
}

start=$(instructions one)
for name in "$@"; do
  total=$(instructions "$name")
  count=$(<"$captures/$name.packets")
  echo "$name $count $(((total - start) / count))"
done
echo "one 1 $start"
