# shellcheck shell=bash
# Sourced by build.sh and emulate.sh: what a cross-build needs, made once and kept. They say where
# cargo's folder is, in cross_target.
#
# Debian has no Rust standard library for MIPS and no C library for soft-float routers. So: Debian's
# rustc-web with the standard library's source of the very same version, which cargo builds for the
# target; zig (from PyPI, pinned) as C compiler and linker, with musl for every target; libpcap.a
# built from Debian's source package.

# Here all of it is kept; safe to delete.
cross_home=${NFA_CROSS_HOME:-${XDG_CACHE_HOME:-$HOME/.cache}/nfa-cross}
zig_version=0.15.2
zig_sha256=806316453d1ede7174ed3fefb8e5348154629089c3bb5fe812dfd0e172fac130 # x86_64 wheel
rustc=/usr/bin/rustc # Debian's and not rustup's: rust-web-src is the source of its own library
cargo=/usr/bin/cargo

cross_packages=(rustc-web cargo-web rust-web-src libstd-rust-web-dev gcc libc6-dev make flex bison
  dpkg-dev binutils binutils-mips-linux-gnu binutils-mipsel-linux-gnu file xz-utils
  python3 python3-venv qemu-user-static)

die() {
  printf '%s: %s\n' "$0" "$*" >&2
  exit 1
}

# quietly WHAT COMMAND...: runs it with its output in a file, and ends everything with the file's
# last lines and WHAT if it fails.
quietly() {
  local what=$1 log status=0
  shift
  mkdir -p "$cross_home/log"
  log=$cross_home/log/${what//[^a-zA-Z0-9._-]/_}.log
  "$@" >"$log" 2>&1 </dev/null || status=$?
  if [ "$status" -ne 0 ]; then
    tail -n 20 "$log" >&2
    die "step '$what' failed with status $status; all it said is in $log"
  fi
}

router() { python3 openwrt/targets.py --get "$@"; }

bits() { case $(router "$1" elf) in ELF64*) echo 64 ;; *) echo 32 ;; esac; }

prepare_debian() {
  [ "$(uname -m)" = x86_64 ] || die "cross-builds are set up for x86_64 machines only, not $(uname -m)"
  command -v dpkg-query >/dev/null || die "cross-builds need Debian's packages: ${cross_packages[*]}"
  need "${cross_packages[@]}" ||
    die "step 'Debian packages' failed: is the network there, is the security suite among apt's sources (rustc-web)?"
  python3 -c 'import sys; sys.exit(sys.version_info < (3, 11))' || die "python3 is older than 3.11 (tomllib)"
}

prepare_zig() {
  zig=$cross_home/zig-$zig_version/bin/zig
  if [ ! -x "$zig" ]; then
    local venv=$cross_home/zig-$zig_version
    rm -rf "$venv"
    quietly "python3 -m venv" python3 -m venv "$venv"
    printf 'ziglang==%s --hash=sha256:%s\n' "$zig_version" "$zig_sha256" >"$venv/requirements"
    quietly "pip install ziglang $zig_version" \
      "$venv/bin/pip" install --quiet --no-deps --only-binary :all: --require-hashes -r "$venv/requirements"
    ln -s "$("$venv/bin/python" -c 'import os, ziglang; print(os.path.dirname(ziglang.__file__))')/zig" "$zig"
  fi
  quietly "zig version" "$zig" version
}

# A compiler for each target, which is rustc's linker too. rustc and the cc crate say the target in
# their own spelling, which zig does not know; and zig's own is enough.
prepare_wrappers() {
  local triple=$1 bin=$cross_home/bin
  mkdir -p "$bin"
  cat >"$bin/cc-$triple.new" <<END
#!/bin/sh
for word do
  shift
  case \$word in --target=*) ;; *) set -- "\$@" "\$word" ;; esac
done
exec "$zig" cc -target $(router "$triple" cc) -mcpu=$(router "$triple" cpu) -fno-sanitize=undefined "\$@"
END
  local tool
  for tool in ar ranlib; do
    printf '#!/bin/sh\nexec "%s" %s "$@"\n' "$zig" "$tool" >"$bin/$tool.new"
  done
  for tool in "cc-$triple" ar ranlib; do
    chmod +x "$bin/$tool.new"
    mv "$bin/$tool.new" "$bin/$tool" # at once: another build may be using it
  done
}

# private_apt FOLDER TYPE [ARCH]: sets apt_options for an apt whose state is all in FOLDER, with Debian's
# main archive as this machine knows it and nothing else; apt checks the signatures.
private_apt() {
  local folder=$1 type=$2 arch=${3:-} uri suite
  # apt fills these in.
  # shellcheck disable=SC2016
  read -r uri suite < <(apt-get indextargets --format '$(REPO_URI) $(SUITE) $(COMPONENT)' 'Created-By: Packages' |
    awk '$3 == "main" && $2 !~ /security|updates|backports/ { print $1, $2; exit }') || true
  [ -n "${uri:-}" ] || die "step 'Debian archive' failed: apt has no Debian main archive among its sources"
  mkdir -p "$folder/lists/partial" "$folder/cache/archives/partial"
  touch "$folder/status"
  printf 'Types: %s\nURIs: %s\nSuites: %s\nComponents: main\nSigned-By: %s\n' "$type" "$uri" "$suite" \
    /usr/share/keyrings/debian-archive-keyring.gpg >"$folder/debian.sources"
  apt_options=(-o APT::Sandbox::User=root -o Dir::Etc::sourcelist="$folder/debian.sources"
    -o Dir::Etc::sourceparts=- -o Dir::State::lists="$folder/lists" -o Dir::Cache="$folder/cache")
  [ -z "$arch" ] || apt_options+=(-o "APT::Architecture=$arch" -o "APT::Architectures=$arch"
    -o Dir::State::status="$folder/status" -o APT::Install-Recommends=no)
}

fetch_libpcap() {
  local apt_options
  private_apt "$cross_home/apt" deb-src
  quietly "apt-get update for libpcap's source" apt-get "${apt_options[@]}" -o APT::Update::Error-Mode=any update
  mkdir -p "$cross_home/src.new"
  (cd "$cross_home/src.new" && quietly "apt-get source libpcap" apt-get "${apt_options[@]}" source --download-only libpcap)
  rm -rf "$cross_home/src"
  mv "$cross_home/src.new" "$cross_home/src"
}

libpcap_source() { find "$cross_home/src" -name 'libpcap_*.orig.tar.*' ! -name '*.asc' 2>/dev/null | sort -V | tail -n 1; }

# libpcap.a with capturing and files alone. The archive is made beside its place and moved there
# last, so that a build cut short leaves nothing that looks finished.
prepare_libpcap() {
  local triple=$1 lib=$cross_home/lib/$1 source wanted
  source=$(libpcap_source)
  wanted="$(basename "$source") zig $zig_version $(router "$triple" cpu) without sscanf"
  if [ -s "$lib/libpcap.a" ] && [ "$(cat "$lib/made-of" 2>/dev/null)" = "$wanted" ]; then return; fi
  say "libpcap for $triple"
  local work=$cross_home/work-$triple-$$ left
  for left in "$cross_home/work-$triple-"*; do # of builds that were cut short
    kill -0 "${left##*-}" 2>/dev/null || rm -rf "$left"
  done
  rm -rf "$lib"
  mkdir -p "$work"
  quietly "unpack libpcap for $triple" tar xf "$source" -C "$work" --strip-components=1
  local host
  host=$(router "$triple" cc)
  # configure does not know "musleabi" as a system.
  quietly "configure libpcap for $triple" env -C "$work" \
    CC="$cross_home/bin/cc-$triple" AR="$cross_home/bin/ar" RANLIB="$cross_home/bin/ranlib" \
    CFLAGS="-Os -ffunction-sections -fdata-sections -fno-unwind-tables -fno-asynchronous-unwind-tables" \
    ./configure --host="${host%%musl*}musl" --with-pcap=linux --disable-shared --without-libnl --disable-usb \
    --disable-bluetooth --disable-dbus --disable-rdma --disable-remote --without-dpdk --without-dag \
    --without-septel --without-snf --without-turbocap
  # It reads the kernel's version, and sscanf would bring all of musl's reading of numbers: 20 kB on MIPS.
  sed -i 's/matches = sscanf(release, .*/char *end;\
	major = strtol(release, \&end, 10);\
	matches = *end == '"'.'"' ? 2 : 1;\
	minor = matches == 2 ? strtol(end + 1, \&end, 10) : 0;\
	verlen = (int)(end - release);/' "$work/pcap-linux.c"
  ! grep -q sscanf "$work/pcap-linux.c" || die "step 'libpcap for $triple' failed: its use of sscanf is another now"
  quietly "compile libpcap for $triple" make -C "$work" -j2 libpcap.a
  mkdir -p "$lib.new"
  cp "$work/libpcap.a" "$work/VERSION" "$lib.new/"
  echo "$wanted" >"$lib.new/made-of"
  mv "$lib.new" "$lib"
  rm -rf "$work"
}

# All that comes from elsewhere but crates.
prepare_tools() {
  prepare_debian
  prepare_zig
  [ -n "$(libpcap_source)" ] || fetch_libpcap
}

prepare() {
  prepare_tools
  prepare_wrappers "$1"
  prepare_libpcap "$1"
}

# cross_cargo TRIPLE SUBCOMMAND ARGUMENTS...: cargo for that target.
cross_cargo() {
  local triple=$1 subcommand=$2
  shift 2
  local upper=${triple^^} under=${triple//-/_}
  upper=${upper//-/_}
  # SHA-256 is reckoned for the fingerprint of a hello and a QUIC key alone: rolled up, 9 kB less on MIPS.
  local flags="--cfg=sha2_backend_soft=\"compact\" -Ctarget-feature=+crt-static -Clink-self-contained=no -Crelocation-model=static -Clink-arg=-Wl,--gc-sections"
  # See src/capture/mod.rs. The cfg and not libc's environment variable: that would reach the standard
  # library's own libc too, which hands its timespec to the old futex call: waits would not wait.
  [ "$(bits "$triple")" = 64 ] || flags+=" --cfg=libc_unstable_musl_v1_2"
  # Tests catch panics. The program ends at one: on MIPS, tables of stack frames would take 85 kB of
  # it and the words of panics 130 kB. NFA_PANIC=abort keeps the words, to look for a bug.
  local std=("-Zbuild-std=std,panic_unwind,test") last=()
  if [ "$subcommand" = build ]; then
    std=("-Zbuild-std=std,panic_abort" -Zbuild-std-features=optimize_for_size)
    flags+=" -Cforce-unwind-tables=no -Zunstable-options -Cpanic=${NFA_PANIC:-immediate-abort}"
    # A branch on MIPS has one more instruction behind it; LLVM fills every second place with nothing
    # unless it may look ahead: 70 kB. All is compiled with the last crate (LTO), so only that is told.
    subcommand=rustc
    case $triple in
      mips-* | mipsel-*)
        last=(-- -Cllvm-args=-disable-mips-df-forward-search=false -Cllvm-args=-disable-mips-df-succbb-search=false
          -Cllvm-args=-mips-tail-calls # a call that ends a function is a jump: 9 kB
          # An address that is put together in two instructions is not taken out of a loop, to be kept on the stack: 40 kB.
          -Cllvm-args=-disable-machine-licm -Cllvm-args=-disable-machine-sink -Cllvm-args=-split-spill-mode=size
          # Equal ends of blocks stand once: 37 kB. For MIPS LLVM leaves that out, since a branch over more than 128 kB
          # takes a register that may be in use then. There is none; the assembler refuses one ("out of range") now.
          -Cllvm-args=-enable-tail-merge -Cllvm-args=-tail-merge-size=2 -Cllvm-args=-skip-mips-long-branch)
        ;;
    esac
  fi
  env "RUSTC=$rustc" RUSTC_BOOTSTRAP=1 CARGO_INCREMENTAL=0 CARGO_TARGET_DIR="${cross_target:?}" \
    "CARGO_TARGET_${upper}_LINKER=$cross_home/bin/cc-$triple" "CARGO_TARGET_${upper}_RUSTFLAGS=$flags" \
    "CC_$under=$cross_home/bin/cc-$triple" "AR_$under=$cross_home/bin/ar" \
    LIBPCAP_LIBDIR="$cross_home/lib/$triple" LIBPCAP_VER="$(cat "$cross_home/lib/$triple/VERSION")" \
    "$cargo" "$subcommand" --target "$triple" "${std[@]}" "$@" "${last[@]}"
}

# What runs a target's programs here.
emulator() {
  local triple=$1 name program
  [ "$triple" != x86_64-unknown-linux-musl ] || return 0 # this machine does
  name=$(router "$triple" qemu)
  program=qemu-${name%% *}
  command -v "$program-static" >/dev/null && program+=-static
  command -v "$program" >/dev/null || die "$program is missing: install qemu-user-static"
  case $name in *\ *) echo "$program ${name#* }" ;; *) echo "$program" ;; esac
}
