# shellcheck shell=bash
# Sourced by boot.sh: kernels and what else the guests run, from Debian's packages, kept in cross_home.

# What nfa and ipset need of a kernel, and the network card.
guest_modules=(virtio_net virtio_pci bridge af_packet ipv6 nfnetlink ip_set_hash_ipportip nf_conntrack_netlink)

boot_home() { echo "${cross_home:?}/boot/$1"; }

# The card that the guest's kernel has a driver for.
guest_card() { echo virtio-net-pci; }

guest_kernel() {
  if [ "$1" = mips ]; then
    echo "$(boot_home mips)/vmlinux"
  else
    find "$(boot_home "$1")/kernel/boot" -name 'vmlinu[xz]-*'
  fi
}

# Debian's kernel, and ipset and busybox with the libraries they name.
fetch_guest() {
  local arch=$1 home kernel flavour apt_options wanted
  home=$(boot_home "$arch")
  [ ! -e "$home/ready" ] || return 0
  case $arch in
    mips)
      build_kernel "$home"
      return
      ;;
    mipsel) flavour=4kc-malta ;;
    armhf) flavour=armmp ;;
  esac
  say "Debian's kernel and ipset for $arch"
  private_apt "$home/apt" deb "$arch"
  quietly "apt-get update for $arch" apt-get "${apt_options[@]}" -o APT::Update::Error-Mode=any update
  kernel=$(apt-cache "${apt_options[@]}" pkgnames linux-image-6 | grep -E "^linux-image-[0-9.]+-[0-9]+-$flavour$" | sort -V | tail -n 1)
  [ -n "$kernel" ] || die "step 'kernel for $arch' failed: Debian's archive has no linux-image with -$flavour"
  # By an empty list of installed packages apt names the C library too.
  wanted=$(apt-get "${apt_options[@]}" install --print-uris -y ipset 2>/dev/null | sed -n "s/^'[^']*' \([^_]*\)_.*/\1/p" |
    grep -xE 'ipset|libipset.*|libmnl.*|libc6') || die "step 'ipset for $arch' failed: apt finds no way to install it"
  rm -rf "$home/deb" "$home/kernel" "$home/root"
  mkdir -p "$home/deb" "$home/kernel" "$home/root"
  # shellcheck disable=SC2086
  (cd "$home/deb" && quietly "apt-get download for $arch" apt-get "${apt_options[@]}" download "$kernel" busybox-static $wanted)
  local package
  for package in "$home"/deb/*.deb; do
    case $package in
      */linux-image*) dpkg-deb -x "$package" "$home/kernel" ;;
      *) dpkg-deb -x "$package" "$home/root" ;;
    esac
  done
  touch "$home/ready"
}

# guest_files ARCH ROOT: what goes into the guest beside nfa.
guest_files() {
  local arch=$1 root=$2 home version module file name
  home=$(boot_home "$arch")
  if [ "$arch" = mips ]; then
    big_endian_files "$root"
    return
  fi
  cp "$home/root/bin/busybox" "$root/bin/busybox"
  cp openwrt/boot/guest.sh "$root/init"
  chmod +x "$root/init"
  cp "$(find "$home/root" -path "*sbin/ipset" -type f)" "$root/sbin/ipset"
  # The loader and the libraries, where the loader looks.
  mkdir -p "$root/lib"
  find "$home/root" ! -type d \( -name 'ld*.so.*' -o -name 'libc.so.6' -o -name 'libmnl.so.0' -o -name 'libipset.so.*' \) -exec cp -L {} "$root/lib/" \;
  version=$(basename "$home"/kernel/lib/modules/*)
  depmod -b "$home/kernel" "$version"
  : >"$root/modules/order"
  for module in "${guest_modules[@]}"; do
    while read -r file; do
      name=$(basename "$file")
      [ ! -e "$root/modules/$name" ] || continue
      cp "$file" "$root/modules/"
      echo "$name" >>"$root/modules/order"
    done < <(modprobe -d "$home/kernel" -S "$version" --show-depends "$module" | sed -n 's/^insmod \([^ ]*\).*/\1/p')
  done
}

# Debian has no big-endian MIPS kernel any more: one for the malta board out of its kernel's source, with
# all that the guest needs built in.
build_kernel() {
  local home=$1 work
  need bc bison flex gcc-mips-linux-gnu libc6-dev make xz-utils ||
    die "step 'packages for a kernel' failed: see above"
  say "a big-endian MIPS kernel from Debian's source (minutes)"
  work=$home/work
  rm -rf "$work"
  mkdir -p "$work"
  local version=6.1
  (cd "$work" && quietly "apt-get download linux-source" apt-get download "linux-source-$version")
  quietly "unpack linux-source" dpkg-deb -x "$work/linux-source-$version"_*.deb "$work/package"
  quietly "unpack the kernel" tar xf "$work/package/usr/src/linux-source-$version.tar.xz" -C "$work"
  local make=(make -s -C "$work/linux-source-$version" ARCH=mips CROSS_COMPILE=mips-linux-gnu-)
  quietly "configure the kernel" env "KCONFIG_ALLCONFIG=$PWD/openwrt/boot/malta.config" "${make[@]}" allnoconfig
  quietly "compile the kernel" "${make[@]}" -j2 vmlinux
  mips-linux-gnu-strip -o "$home/vmlinux" "$work/linux-source-$version/vmlinux"
  rm -rf "$work"
  touch "$home/ready"
}

# The guest's first process is a program: there is no shell.
big_endian_files() {
  local root=$1
  prepare mips-unknown-linux-musl
  quietly "compile init.c" "$cross_home/bin/cc-mips-unknown-linux-musl" -static -Os -Wall -Wextra -Werror \
    -o "$root/init" openwrt/boot/init.c
}
