#!/bin/bash
# Runs in the guest (run.sh): the program of tests/oracle.rs, where the kernel has every set type.
set -u
PATH=/usr/sbin:/usr/bin:/sbin:/bin
export PATH HOME=/run TMPDIR=/run NFA_ORACLE_ALL=1
uname -r
# The kernel cannot load any by itself: it would look for modprobe outside of this root.
for module in ip_set ip_set_hash_ip ip_set_hash_ipport ip_set_hash_ipportip ip_set_hash_mac nf_tables \
  nf_conntrack; do
  modprobe "$module" || exit 1
done
exec "$1" --test-threads=1 --nocapture
