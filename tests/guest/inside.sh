#!/bin/bash
# Runs in the guest (run.sh): a client, this router and a server, nfa with four rules, and SQM's
# script on the router's outer side. Marked BitTorrent must be in cake's bulk tin, calls in its voice
# tin, in both directions.
# shellcheck disable=SC2034,SC2317 # SQM's script, which is read in, uses them
set -u
nfa=$1
here=$(cd "$(dirname "$0")" && pwd)
lab=$here/../lab
PATH=/usr/sbin:/usr/bin:/sbin:/bin
export PATH HOME=/run TMPDIR=/run
failed=0
uname -r
# The kernel cannot load any by itself: it would look for modprobe outside of this root.
for module in sch_cake act_ctinfo act_mirred cls_matchall cls_u32 cls_fw sch_ingress sch_htb \
  sch_fq_codel ifb veth nf_tables nf_conntrack nft_ct nft_objref nft_limit nft_log \
  nft_reject_inet nf_conntrack_netlink; do
  modprobe "$module" 2>/dev/null && echo "has     $module" || echo "lacks   $module"
done

check() {
  if [ "$2" -eq 1 ]; then echo "ok      $1"; else
    echo "FAILED  $1"
    failed=1
  fi
}

ip link set lo up
for side in client server; do ip netns add $side; done
ip link add br-lan type veth peer name eth0 netns client
ip link add wan0 type veth peer name eth0 netns server
ip addr add 192.168.1.1/24 dev br-lan
ip addr add 203.0.113.1/24 dev wan0
ip link set br-lan up
ip link set wan0 up
sysctl -qw net.ipv4.ip_forward=1
ip -n client addr add 192.168.1.2/24 dev eth0
ip -n server addr add 203.0.113.2/24 dev eth0
for side in client server; do
  ip -n $side link set lo up
  ip -n $side link set eth0 up
done
ip -n client route add default via 192.168.1.1
ip -n server route add default via 203.0.113.1

mkdir -p /run/nfa
cat >/run/uci <<END
config globals 'globals'
	option enabled '1'
config interface 'lan'
config rule
	list protocol 'bittorrent'
	option class 'bulk'
	option mark '0x80000000/0x80000000'
config rule
	list protocol 'sip'
	option class 'voice'
END
"$nfa" uci --output /run/nfa/config.json /run/uci || exit 1
"$nfa" rules --output /run/nfa/nfa.nft /run/uci || exit 1
nft -f /run/nfa/nfa.nft || exit 1

# SQM's own part, after what its scripts are given; tc is real.
mkdir -p /run/sqm
cat >/run/sqm/defaults.sh <<'END'
ZERO_DSCP_INGRESS=1
TC=tc
IP=ip
ALL_MODULES=
END
(
  set +u # as SQM has it
  get_stab_string() { :; }
  get_cake_lla_string() { echo overhead 44; }
  do_modules() { :; }
  verify_qdisc() { :; }
  sqm_error() { echo "error $*"; }
  uci() { return 1; }
  SQM_LIB_DIR=/run/sqm IFACE=wan0 DEV=ifb4wan0 UPLINK=20000 DOWNLINK=100000
  ip link add ifb4wan0 type ifb
  # shellcheck source=/dev/null
  . "$here/../../files/usr/lib/sqm/nfa_cake_ct.qos"
  sqm_prepare_script && egress && ingress
) 2>&1 | grep -v 'Cannot delete\|Cannot find\|Invalid handle'
tc filter show dev wan0 parent ffff: | grep -q 'ctinfo'
check "ctinfo is in place" "$((! $?))"

"$nfa" run --config /run/nfa/config.json >/run/nfa.log 2>&1 &
agent=$!
ip netns exec server python3 "$lab/sip_peer.py" server 203.0.113.2 &
sip=$!
ip netns exec server python3 "$lab/bt_line.py" server 203.0.113.2 &
bt=$!
sleep 6
ip netns exec client python3 "$lab/sip_peer.py" client 203.0.113.2 20 &
one=$!
ip netns exec client python3 "$lab/bt_line.py" client 203.0.113.2 20 &
two=$!
wait $one $two

# Packets of each of the four tins, from bulk to voice.
tins() {
  tc -s -j qdisc show dev "$1" root | python3 -c 'import json, sys
print(*[tin["sent_packets"] for tin in json.load(sys.stdin)[0]["tins"]])'
}
for device in wan0 ifb4wan0; do
  read -r bulk best video voice <<<"$(tins $device)"
  echo "$device: bulk $bulk, best effort $best, video $video, voice $voice"
  check "$device: BitTorrent is in the bulk tin" "$((bulk > 50))"
  check "$device: calls are in the voice tin" "$((voice > 50))"
  check "$device: nothing is in the video tin" "$((video == 0))"
  check "$device: only what came before the names is in best effort" "$((best < 40))"
done

# HTB by the packets' mark, in cake's place.
tc qdisc replace dev wan0 root handle 1: htb default 30
tc class add dev wan0 parent 1: classid 1:30 htb rate 50mbit
tc class add dev wan0 parent 1: classid 1:40 htb rate 5mbit
tc filter add dev wan0 parent 1: protocol all prio 3 handle 0x80000000/0x80000000 fw classid 1:40
kill $bt 2>/dev/null
ip netns exec server python3 "$lab/bt_line.py" server 203.0.113.2 &
bt=$!
sleep 4
ip netns exec client python3 "$lab/bt_line.py" client 203.0.113.2 10
slow=$(tc -s -j class show dev wan0 | python3 -c 'import json, sys
print(*[c["stats"]["packets"] for c in json.load(sys.stdin) if c["handle"] == "1:40"])' 2>/dev/null ||
  tc -s class show dev wan0 | awk '/1:40/ {getline; print $4}')
echo "class 1:40: ${slow:-none}"
check "HTB by mark has BitTorrent in its class" "$((${slow:-0} > 20))"
tail -n 3 /run/nfa.log
kill $sip $bt $agent 2>/dev/null
exit $failed
