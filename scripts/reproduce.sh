#!/bin/bash
# Builds a commit twice, in folders of different names and lengths, and compares the programs: same
# commit, same compiler, same bytes.
#   scripts/reproduce.sh            two builds of HEAD
#   scripts/reproduce.sh PROGRAM    one, compared with PROGRAM, which `cargo build --locked --release`
#                                   made of the same commit
# What the folder would leave in a program: the names of source files in panic messages. Those of nfa
# itself are relative; those of crates lie in cargo's own folder, which `remap` takes out.
set -euo pipefail
shopt -s inherit_errexit # a build that fails is no build
cd "$(dirname "$0")/.."
against=${1:-}
[ -z "$against" ] || against=$(realpath "$against")
scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT

build() {
  git clone --quiet --no-hardlinks . "$1"
  (cd "$1" && env -u CARGO_TARGET_DIR cargo build --locked --release --quiet) >&2
  sha256sum <"$1/target/release/nfa" | cut -d ' ' -f 1
}

second=$(build "$scratch/a/longer/folder's name")
if [ -n "$against" ]; then
  git diff --quiet HEAD -- src Cargo.toml Cargo.lock || {
    echo "skipped: the sources have changed since the last commit: same bytes twice"
    exit
  }
  first=$(sha256sum <"$against" | cut -d ' ' -f 1)
else
  first=$(build "$scratch/b")
fi
echo "$first"
echo "$second"
[ "$first" = "$second" ] || {
  echo "two builds of $(git rev-parse --short HEAD) differ" >&2
  exit 1
}
echo "same bytes twice"
