# shellcheck shell=bash
# Sourced by ./demo and ./test: what they need of Debian, and how it gets there.

build_packages=(build-essential pkg-config libpcap-dev)

say() { printf '\n== %s\n' "$*"; }

# Installs what is missing of the named packages, or names it where we may not.
need() {
  local missing=() package
  command -v dpkg-query >/dev/null || return 0 # not Debian: the build says what it misses
  for package in "$@"; do
    dpkg-query -W -f '${Status}' "$package" 2>/dev/null | grep -q 'ok installed' ||
      missing+=("$package")
  done
  [ ${#missing[@]} -eq 0 ] && return
  say "packages: ${missing[*]}"
  if [ "$(id -u)" -ne 0 ] || ! command -v apt-get >/dev/null; then
    echo "please install: ${missing[*]}" >&2
    return 1
  fi
  apt-get -qq update
  # A daemon that a package starts on this machine is not wanted: policy-rc.d says no to it.
  local policy=/usr/sbin/policy-rc.d ours=
  if [ ! -e "$policy" ]; then
    printf '#!/bin/sh\nexit 101\n' >"$policy"
    chmod +x "$policy"
    ours=1
  fi
  local status=0
  DEBIAN_FRONTEND=noninteractive apt-get -qq install -y --no-install-recommends \
    "${missing[@]}" </dev/null >/dev/null || status=$?
  [ -z "$ours" ] || rm -f "$policy"
  return "$status"
}

need_cargo() {
  if ! command -v cargo >/dev/null; then
    echo "cargo is missing: install Rust ($(grep ^rust-version Cargo.toml) or later)" >&2
    return 1
  fi
}
