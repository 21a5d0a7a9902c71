#!/bin/bash
# Fails if a packet costs over 5 % more instructions than bench/recorded says.
#   bench/gate.sh            compares
#   bench/gate.sh record     writes bench/recorded anew
# Small copies of the captures `mix` and `bulk`; needs valgrind, python3 and target/release/nfa.
set -euo pipefail
cd "$(dirname "$0")/.."
recorded=bench/recorded
flows=4000 # 6,000 packets of mix, 24,000 of bulk: 20 s in all
tolerated=5

scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT
python3 bench/captures.py "$scratch" --flows "$flows"
compiler=$(rustc --version)
# Figures of another compiler or machine mean nothing here.
machine="$compiler $(uname -m)"
bench/instructions.sh target/release/nfa "$scratch" mix bulk >"$scratch/now"

if [ "${1:-}" = record ]; then
  { echo "$machine"; cat "$scratch/now"; } >"$recorded"
  cat "$recorded"
  exit
fi
if [ "$machine" != "$(head -n 1 "$recorded")" ]; then
  echo "not compared: recorded with $(head -n 1 "$recorded"), this is $machine"
  cat "$scratch/now"
  exit
fi
failed=0
while read -r name packets now; do
  before=$(sed -n "s/^$name $packets //p" "$recorded")
  if [ -z "$before" ]; then
    echo "$name: $recorded knows nothing of $packets packets of it" >&2
    failed=1
  elif [ "$name" = one ]; then
    echo "start: $now instructions, recorded $before"
  elif [ $((now * 100)) -gt $((before * (100 + tolerated))) ]; then
    echo "$name: $now instructions a packet, over $tolerated % more than the recorded $before" >&2
    failed=1
  else
    echo "$name: $now instructions a packet, recorded $before"
  fi
done <"$scratch/now"
exit "$failed"
