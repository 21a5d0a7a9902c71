#!/bin/bash
# SQM's script for cake, for real: boots Debian's kernel, which has cake and ctinfo, under
# qemu-system with this machine's files (read only), and runs inside.sh there.
#
#   tests/guest/run.sh [FOLDER]     FOLDER: where the kernel's package is unpacked and kept
#
# GUEST_SCRIPT=oracle.sh runs that of this folder instead of inside.sh, with $NFA as its argument:
# the differential tests, for the set types that the kernel at hand lacks.
#
# Needs qemu-system-x86, busybox, kmod, cpio, python3, nftables and iproute2; the kernel's package is
# fetched by apt-get. nfa is $NFA, else target/release/nfa, else target/debug/nfa.
set -euo pipefail
root=$(cd "$(dirname "$0")/../.." && pwd)
folder=$(realpath -m "${1:-$root/target/guest}")
for tool in qemu-system-x86_64 busybox depmod cpio; do
  command -v "$tool" >/dev/null || { echo "skipped: no $tool"; exit 77; }
done
nfa=${NFA:-}
script=${GUEST_SCRIPT:-inside.sh}
for choice in "$root/target/release/nfa" "$root/target/debug/nfa"; do
  [ -n "$nfa" ] || [ ! -x "$choice" ] || nfa=$choice
done
mkdir -p "$folder"
cd "$folder"
if ! ls kernel/boot/vmlinuz-* >/dev/null 2>&1; then
  package=$(apt-cache depends linux-image-amd64 | sed -n 's/.*Depends: \(linux-image-6[^ ]*\)/\1/p' | head -n 1)
  apt-get -qq download "$package"
  dpkg-deb -x "$package"_*.deb kernel
fi
version=$(basename kernel/boot/vmlinuz-*)
version=${version#vmlinuz-}
depmod -b kernel "$version"

# What it takes to see this machine's files; the rest is there.
rm -rf start
mkdir -p start/bin start/modules
cp "$(command -v busybox)" start/bin/busybox
ldd start/bin/busybox | grep -o '/[^ ]*' | while read -r library; do
  mkdir -p "start$(dirname "$library")"
  cp "$library" "start$library"
done
modprobe -d kernel -S "$version" --show-depends -a 9p 9pnet_virtio virtio_pci overlay 2>/dev/null |
  sed -n 's/^insmod \([^ ]*\).*/\1/p' | awk '!seen[$0]++' >start/modules/order
while read -r module; do cp "$module" start/modules; done <start/modules/order
cat >start/init <<END
#!/bin/busybox sh
export PATH=/sbin:/usr/sbin:/bin:/usr/bin
/bin/busybox mkdir -p /proc /below /above /new
/bin/busybox mount -t proc proc /proc
while read -r module; do /bin/busybox insmod "/modules/\${module##*/}"; done </modules/order
/bin/busybox mount -t 9p -o trans=virtio,version=9p2000.L,ro,cache=loose,msize=262144 files /below
/bin/busybox mount -t tmpfs above /above
/bin/busybox mkdir /above/upper /above/work
/bin/busybox mount -t overlay -o lowerdir=/below,upperdir=/above/upper,workdir=/above/work new /new
for each in proc sys dev run tmp; do /bin/busybox mkdir -p "/new/\$each"; done
/bin/busybox mount -t proc proc /new/proc
/bin/busybox mount -t sysfs sys /new/sys
/bin/busybox mount -t devtmpfs dev /new/dev
/bin/busybox mount -t tmpfs run /new/run
/bin/busybox mkdir -p /new/lib/modules /new/run/modules
/bin/busybox mount -o bind "/below$folder/kernel/lib/modules" /new/usr/lib/modules 2>/dev/null ||
  /bin/busybox mount -o bind "/below$folder/kernel/lib/modules" /new/lib/modules
/bin/busybox chroot /new /bin/bash "$root/tests/guest/$script" "$nfa"
echo "$script ended with \$?"
/bin/busybox poweroff -f
END
chmod +x start/init
(cd start && find . | cpio --quiet -o -H newc | gzip -1) >start.gz
accel=tcg
[ "${GUEST_ACCEL:-}" = "" ] || accel=$GUEST_ACCEL
timeout 900 qemu-system-x86_64 -accel "$accel" -cpu max -smp 2 -m 768 -nographic -no-reboot -nic none \
  -kernel "kernel/boot/vmlinuz-$version" -initrd start.gz \
  -append "console=ttyS0 quiet loglevel=3 panic=-1" \
  -virtfs local,path=/,mount_tag=files,security_model=none,readonly=on,multidevs=remap \
  </dev/null | tee guest.log
grep -q "$script ended with 0" guest.log
