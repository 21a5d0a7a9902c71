#!/bin/bash
# Runs nfa as routers run it, by qemu's emulation of their processors, against this machine's results.
#   openwrt/emulate.sh [TARGET...]          captures replayed, and the library's tests (default: mips arm)
#   openwrt/emulate.sh --replay TARGET...   captures only, with the program that build.sh has made
# mips is big endian, arm has 32 bits: what depends on byte order or width comes out differently.
# Of a corpus of captures ($NFA_CORPUS, or shared/corpus beside the project's folder) a sample is replayed too.
set -euo pipefail
cd "$(dirname "$0")/.."
# shellcheck source=scripts/packages.sh
. scripts/packages.sh
cross_target=$PWD/target/cross
# shellcheck source=openwrt/toolchain.sh
. openwrt/toolchain.sh

# Tests that need no kernel but the emulated one: the library's own, and tables in files. What the
# emulator has not got (netlink, packet sockets, a second process) is not among them.
test_programs=(--lib --test criteria --test effects --test crashes --test engine --test lists --test platform)
corpus=${NFA_CORPUS:-../shared/corpus}
sample_of=8 # each eighth capture: half a minute of emulation
corpus_bytes_max=1024k # find rounds up: below 1M are only empty files
only_replay=
if [ "${1:-}" = --replay ]; then
  only_replay=1
  shift
fi
[ $# -gt 0 ] || set -- mips arm

# What must be the same everywhere: flows and set changes as JSON, the summary, a configuration's
# errors, explanations, and the lists.
outputs() {
  local folder=$1 capture name
  shift
  mkdir -p "$folder"
  local catalogue=(--catalogue files/usr/share/nfa/apps.d)
  for capture in tests/pcap/*.pcap ${NFA_CAPTURES:-}; do
    name=$(basename "$capture")
    "$@" replay "${catalogue[@]}" --config docs/examples/headline.json --summary "$capture" \
      >"$folder/replay $name" 2>"$folder/replay $name err" || echo "status $?" >>"$folder/replay $name"
    gzip -nc "$capture" | "$@" replay "${catalogue[@]}" --config docs/examples/headline.json - \
      >"$folder/libpcap $name" 2>&1 || echo "status $?" >>"$folder/libpcap $name"
  done
  for capture in "${sample[@]}"; do
    name=${capture#"$corpus/"}
    "$@" replay "${catalogue[@]}" --config docs/examples/headline.json --summary "$capture" \
      >"$folder/corpus ${name//\//_}" 2>&1 || echo "status $?" >>"$folder/corpus ${name//\//_}"
  done
  "$@" explain "${catalogue[@]}" --config docs/examples/headline.json tests/pcap/tls_youtube.pcap >"$folder/explain"
  for name in tests/check/*.json; do
    (cd tests/check && "$@" check --catalogue ../../files/usr/share/nfa/apps.d --config "$(basename "$name")") \
      >"$folder/check $(basename "$name")" 2>&1 || echo "status $?" >>"$folder/check $(basename "$name")"
  done
  for name in apps protocols categories fields; do "$@" "$name" "${catalogue[@]}" >"$folder/$name"; done
}

sample=()
if [ -d "$corpus" ]; then
  mapfile -t sample < <(find -L "$corpus" -type f -name '*.pcap*' -size "-$corpus_bytes_max" | LC_ALL=C sort | awk "NR % $sample_of == 0")
  say "${#sample[@]} captures of the corpus in $corpus"
  [ "${#sample[@]}" -gt 0 ] || die "$corpus: no captures"
else
  say "skipped: no corpus: its sample"
fi

native() {
  say "this machine's own program"
  need_cargo
  need "${build_packages[@]}"
  CARGO_TARGET_DIR=target cargo build --locked --quiet
  rm -rf target/emulate
  outputs target/emulate/here "$PWD/target/debug/nfa"
  echo "$(find target/emulate/here -type f | wc -l) outputs"
}

emulate() {
  local triple=$1 runner program=$PWD/target/openwrt/$1/nfa
  runner=$(emulator "$triple")
  if [ ! -x "$program" ]; then openwrt/build.sh "$triple"; fi
  say "$triple: the same commands, by ${runner:-this processor}"
  # shellcheck disable=SC2086
  outputs "target/emulate/$triple" $runner "$program"
  diff -r target/emulate/here "target/emulate/$triple" || die "$triple gives other results than this machine"
  echo "$(find "target/emulate/$triple" -type f | wc -l) outputs are the same"
  [ -z "$only_replay" ] || return 0
  say "$triple: the library's tests, by ${runner:-this processor}"
  prepare "$triple"
  local upper=${triple^^}
  export "CARGO_TARGET_${upper//-/_}_RUNNER=$runner"
  # qemu has no end of netlink's answer, and waits; and no seccomp (boot.sh has).
  cross_cargo "$triple" test --locked "${test_programs[@]}" -- --quiet --test-threads=2 \
    --skip sys::tests::loopback_has_its_networks_and_number --skip sys::seccomp::tests::the_kernel_
}

mapfile -t triples < <(python3 openwrt/targets.py "$@")
[ ${#triples[@]} -gt 0 ] || exit 2
native
for triple in "${triples[@]}"; do emulate "$triple"; done
