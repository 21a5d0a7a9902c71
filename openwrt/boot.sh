#!/bin/bash
# Boots a real kernel of a router's processor with 64 MB of memory under qemu-system, runs nfa there on
# a bridge, sends it the captures of tests/pcap through the network card, and reads the sets back with
# that system's own `ipset`.
#   openwrt/boot.sh [mipsel] [armhf]   Debian's kernel (default: both)
#   openwrt/boot.sh mips               big endian: a kernel built from Debian's source, once (minutes)
# nfa is that of openwrt/build.sh, which is called if it was not yet. What this machine's own nfa says of
# the same frames must be what the guest's sets hold. Kept: ~/.cache/nfa-cross/boot.
set -euo pipefail
cd "$(dirname "$0")/.."
# shellcheck source=scripts/packages.sh
. scripts/packages.sh
cross_target=$PWD/target/cross
# shellcheck source=openwrt/toolchain.sh
. openwrt/toolchain.sh
# shellcheck source=openwrt/boot/kernel.sh
. openwrt/boot/kernel.sh

catalogue=files/usr/share/nfa/apps.d
config=docs/examples/headline.json
boot_seconds_max=300

# What the machines are. Memory is that of a small router.
machine() {
  case $1 in
    mipsel) triple=mipsel-unknown-linux-musl console=ttyS0 qemu=(qemu-system-mipsel -M malta -cpu 24Kc) ;;
    mips) triple=mips-unknown-linux-musl console=ttyS0 qemu=(qemu-system-mips -M malta -cpu 24Kc) ;;
    armhf) triple=armv7-unknown-linux-musleabihf console=ttyAMA0 qemu=(qemu-system-arm -M "virt,highmem=off" -cpu cortex-a7) ;;
    *) die "no machine $1: mipsel, armhf and mips there are" ;;
  esac
  qemu+=(-m 64)
}

# This machine's answer: the members that the sets must have.
expected() {
  mkdir -p "$work"
  python3 openwrt/boot/traffic.py merge "$work/traffic.pcap" tests/pcap/*.pcap
  need_cargo
  need "${build_packages[@]}"
  CARGO_TARGET_DIR=target cargo build --locked --quiet
  target/debug/nfa replay --config "$config" --catalogue "$catalogue" --no-expiry "$work/traffic.pcap" >"$work/replay"
  python3 openwrt/boot/traffic.py expect "$work/replay" >"$work/expected"
  echo "$(python3 openwrt/boot/traffic.py frames "$work/traffic.pcap") frames, $(wc -l <"$work/expected") members"
}

# The first file system: nfa, its data, the system's ipset and busybox, modules in their order.
pack_root() {
  local arch=$1 root=$work/$1/root
  rm -rf "$root"
  mkdir -p "$root"/{bin,sbin,proc,sys,dev,tmp,etc,modules,var/run,usr/sbin,usr/share/nfa}
  guest_files "$arch" "$root"
  cp "target/openwrt/$triple/nfa" "$root/usr/sbin/nfa"
  cp -r "$catalogue" "$root/usr/share/nfa/"
  cp "$config" "$root/etc/nfa.json"
  printf 'tcp 6 TCP\nudp 17 UDP\n' >"$root/etc/protocols" # by which ipset writes their names
  python3 openwrt/boot/traffic.py frames "$work/traffic.pcap" >"$root/etc/frames"
  (cd "$root" && find . | LC_ALL=C sort | cpio -o -H newc --quiet -R 0:0 | gzip -1) >"$work/$arch/initrd.gz"
}

boot() {
  local arch=$1 triple console qemu at=$work/$1 log=$work/$1/console.log started=$SECONDS cable guest
  machine "$arch"
  [ -x "target/openwrt/$triple/nfa" ] || openwrt/build.sh "$triple"
  say "$arch: $(file -b "target/openwrt/$triple/nfa" | cut -d, -f1-3)"
  mkdir -p "$at"
  fetch_guest "$arch"
  pack_root "$arch"
  echo "tools and files took $((SECONDS - started)) s"
  started=$SECONDS
  cable=$at/cable # the card's end; a Unix path is short, so it is reached from its folder
  rm -f "$cable" "$log"
  (cd "$at" && exec timeout "$boot_seconds_max" "${qemu[@]}" -nographic -no-reboot -kernel "$(guest_kernel "$arch")" \
    -initrd initrd.gz -append "console=$console quiet panic=1" \
    -netdev dgram,id=lan,local.type=unix,local.path=cable,remote.type=unix,remote.path=nobody \
    -device "$(guest_card "$arch"),netdev=lan" -monitor none -serial "file:console.log") </dev/null >"$at/qemu.log" 2>&1 &
  guest=$!
  until grep -aq '^READY' "$log" 2>/dev/null; do
    if ! kill -0 "$guest" 2>/dev/null || grep -aq '^END' "$log" 2>/dev/null; then
      cat "$at/qemu.log" "$log" >&2
      die "step 'boot $arch' failed: the guest's nfa was never ready"
    fi
    sleep 0.2
  done
  (cd "$at" && python3 "$OLDPWD/openwrt/boot/traffic.py" send ../traffic.pcap cable)
  wait "$guest" || true
  tr -d '\r' <"$log" >"$at/console"
  grep -aE '^(UP|READY|Vm|Rss|MemAvailable|nfa ended|members left|END)|system calls' "$at/console" || true
  grep -aq '^END well' "$at/console" || die "step 'boot $arch' failed: see $log"
  python3 openwrt/boot/traffic.py members "$at/console" >"$at/members"
  diff "$work/expected" "$at/members" || die "$arch: its sets hold other members (>) than they should (<)"
  grep -aq '^nfa ended with 0' "$at/console" || die "$arch: nfa did not end as it should"
  grep -aq '^members left: 0' "$at/console" || die "$arch: nfa left members behind in the sets it manages"
  cat "$at/members"
  echo "$arch: $(wc -l <"$at/members") members, as they should be; boot to power-off took $((SECONDS - started)) s"
}

[ $# -gt 0 ] || set -- mipsel armhf
for arch in "$@"; do machine "$arch"; done
work=$PWD/target/boot
prepare_debian
need cpio kmod qemu-system-mips qemu-system-arm
say "what the sets must hold"
expected
for arch in "$@"; do boot "$arch"; done
