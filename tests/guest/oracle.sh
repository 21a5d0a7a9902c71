#!/bin/bash
# Runs in the guest (run.sh): the program of tests/oracle.rs, for the type of ipset that not every
# kernel has. An emulated machine is slow: the other types are compared outside.
set -u
PATH=/usr/sbin:/usr/bin:/sbin:/bin
export PATH HOME=/run TMPDIR=/run NFA_ORACLE_TYPE=hash:mac
uname -r
# The kernel cannot load any by itself: it would look for modprobe outside of this root.
for module in ip_set ip_set_hash_mac; do
  modprobe "$module" || exit 1
done
exec "$1" --nocapture ipset_sees_no_difference_between_our_sets_and_its_own
