#!/bin/bash
# Builds what a router owner installs: static programs and their packages, in target/openwrt.
#   openwrt/build.sh all                 every target of cross.toml
#   openwrt/build.sh TARGET...           a triple, its first part (mipsel), or a package architecture
#   openwrt/build.sh --libpcap TARGET... only libpcap.a, for other ways to build
#   openwrt/build.sh --tools             only what comes from the network, crates aside
# The first target takes some minutes. What was made is kept in ~/.cache/nfa-cross (or NFA_CROSS_HOME)
# and target/cross; a build that was cut short goes on from there.
set -euo pipefail
cd "$(dirname "$0")/.."
# shellcheck source=scripts/packages.sh
. scripts/packages.sh
cross_target=$PWD/target/cross
# shellcheck source=openwrt/toolchain.sh
. openwrt/toolchain.sh

out=target/openwrt
# Bytes. A router with 8 MB of flash has 1 to 2 MB left.
program_bar=1048576
package_bar=460800
luci_bar=61440
only_libpcap=
if [ "${1:-}" = --libpcap ]; then
  only_libpcap=1
  shift
fi
if [ "${1:-}" = --tools ]; then
  prepare_tools
  exit 0
fi
if [ $# -eq 0 ] || [ "${1#-}" != "$1" ]; then
  sed -n '2,8s/^# //p' "$0" >&2
  exit 2
fi

# Cargo's own part of the profile cannot say everything: MIPS objects carry a section .pdr, a fifth
# of the file, which rustc leaves in.
strip_into() {
  local triple=$1 from=$2 to=$3
  case $triple in
    mips-* | mipsel-*) "${triple%%-*}-linux-gnu-strip" -R .pdr -R .mdebug.abi32 -R .comment -o "$to" "$from" ;;
    *) cp "$from" "$to" ;;
  esac
}

# Static means: nothing loads it, it loads nothing.
check_elf() {
  local triple=$1 program=$2 header kind
  header=$(readelf -h "$program")
  for kind in $(router "$triple" elf); do
    grep -q "$kind" <<<"$header" || die "$program is not $kind: $(file -b "$program")"
  done
  if readelf -lW "$program" | grep -q INTERP; then die "$program asks for an interpreter"; fi
  if readelf -dW "$program" | grep -q NEEDED; then die "$program needs shared libraries"; fi
  if readelf -SW "$program" | grep -qE '\.(symtab|debug_info)'; then die "$program is not stripped"; fi
}

# The compiler has checked the width of time_t (src/capture/mod.rs); here the finished program reads a
# capture, and must find in it what is there.
check_time_t() {
  local triple=$1 program=$2 capture=tests/pcap/dns.pcap
  local runner
  runner=$(emulator "$triple")
  # shellcheck disable=SC2086
  python3 openwrt/guard.py "$capture" $runner "$program" replay --catalogue files/usr/share/nfa/apps.d ||
    die "step 'run for $triple' failed: $program does not read $capture as it should"
}

build() {
  local triple=$1 program=$out/$1/nfa
  say "$triple"
  prepare "$triple"
  [ -z "$only_libpcap" ] || return 0
  cross_cargo "$triple" build --locked --profile router --bin nfa ||
    die "step 'cargo build for $triple' failed"
  mkdir -p "$out/$triple"
  strip_into "$triple" "$cross_target/$triple/router/nfa" "$program"
  check_elf "$triple" "$program"
  check_time_t "$triple" "$program"
}

pack() {
  local triple=$1 arch
  while read -r arch; do
    python3 -B openwrt/pack.py "$out/packages" nfa "$arch" "$out/$triple/nfa" >/dev/null ||
      die "step 'packages for $arch' failed"
  done < <(router "$triple" packages)
}

# Reads each package back, by a reader that shares nothing with the packer.
check_packages() {
  local package
  for package in "$@"; do
    python3 -B openwrt/apk_dump.py "$package" >/dev/null || die "step 'check $package' failed"
  done
}

# The sizes of what was built, against the bars below.
size_table() {
  local triple arch package program packed xz
  printf '\n%-34s %9s %9s %9s %9s\n' target program "xz -9e" .ipk .apk
  for triple in "${triples[@]}"; do
    arch=$(router "$triple" packages | sed -n 1p)
    program=$(stat -c %s "$out/$triple/nfa")
    xz=$(xz -9e -c "$out/$triple/nfa" | wc -c)
    printf '%-34s %9d %9d' "$triple" "$program" "$xz"
    for package in "$out"/packages/nfa[_-]*_"$arch".[ia]pk; do sizes[${package##*.}]=$(stat -c %s "$package"); done
    printf ' %9d %9d\n' "${sizes[ipk]}" "${sizes[apk]}"
    packed=${sizes[ipk]}
    case $triple in mipsel-*) bar "program for mipsel" "$program" "$program_bar" ;; esac
    bar "package for $arch" "$packed" "$package_bar"
  done
  for package in "$out"/packages/luci-*; do
    [ -e "$package" ] || continue
    packed=$(stat -c %s "$package")
    printf '%-54s %9d\n' "$(basename "$package")" "$packed"
    bar "$(basename "$package")" "$packed" "$luci_bar"
  done
}

bar() { [ "$2" -le "$3" ] || printf 'over the bar: %s, %d bytes, %d are wanted\n' "$@"; }

mapfile -t triples < <(python3 openwrt/targets.py "$@")
[ ${#triples[@]} -gt 0 ] || exit 2
for triple in "${triples[@]}"; do build "$triple"; done
[ -z "$only_libpcap" ] || exit 0
rm -rf "$out/packages"
for triple in "${triples[@]}"; do pack "$triple"; done
if python3 -B openwrt/pack.py --sources luci-app-nfa; then
  python3 -B openwrt/pack.py "$out/packages" luci-app-nfa >/dev/null || die "step 'luci-app-nfa' failed"
else
  say "skipped: no openwrt/luci-app-nfa yet: the package of LuCI pages"
fi
check_packages "$out"/packages/*.apk
say "packages are in $out/packages"
ls "$out/packages"
declare -A sizes
size_table
