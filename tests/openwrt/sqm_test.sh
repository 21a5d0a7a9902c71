# shellcheck shell=dash
# Tests /usr/lib/sqm/nfa_cake_ct.qos: busybox ash sqm_test.sh [WORK]. defaults.sh is a stand-in of
# our own, after what SQM's scripts are given (sqm-scripts is in no registry), and tc only notes.
# shellcheck disable=SC2034,SC2154 # the script under test reads them; tests set others

HERE=$(cd "$(dirname "$0")" && pwd)
WORK="${1:-/tmp/nfa-sqm-test}"
SCRIPT="$HERE/../../files/usr/lib/sqm/nfa_cake_ct.qos"
rm -rf "$WORK"
mkdir -p "$WORK"
failed=0

cat >"$WORK/defaults.sh" <<'END'
[ -n "$INGRESS_CAKE_OPTS" ] || INGRESS_CAKE_OPTS="diffserv3 nat"
[ -n "$EGRESS_CAKE_OPTS" ] || EGRESS_CAKE_OPTS="diffserv3 nat"
[ -n "$ZERO_DSCP_INGRESS" ] || ZERO_DSCP_INGRESS=1
ALL_MODULES="sch_$QDISC sch_ingress"
TC=fake_tc
IP=fake_ip
END

fake_tc() {
	echo "tc $*" >>"$WORK/log"
	case "$* $without" in
		*ctinfo*ctinfo) return 1 ;;
	esac
}
fake_ip() { echo "ip $*" >>"$WORK/log"; }
get_stab_string() { echo stab overhead 8; }
get_cake_lla_string() { echo overhead 44; }
do_modules() { echo "modules $ALL_MODULES" >>"$WORK/log"; }
verify_qdisc() { echo "verify $*" >>"$WORK/log"; }
sqm_error() { echo "error $*" >>"$WORK/log"; }
uci() { [ -n "$configured_mask" ] && echo "$configured_mask"; }

has() {
	grep -qxF -- "$1" "$WORK/log" || {
		echo "    expected: $1"
		sed 's/^/    | /' "$WORK/log"
		return 1
	}
}

# One run of the script, in a shell of its own: the test, then what SQM would have set.
run() {
	: >"$WORK/log"
	if (
		SQM_LIB_DIR="$WORK" IFACE=wan DEV=ifb4wan UPLINK=20000 DOWNLINK=100000
		# shellcheck source=/dev/null
		eval "$2" && . "$SCRIPT" && sqm_prepare_script && egress && ingress
		"$1"
	); then
		echo "ok      $1"
	else
		echo "FAILED  $1"
		failed=$((failed + 1))
	fi
}

both_directions_have_classes() {
	has "tc qdisc add dev wan root stab overhead 8 cake bandwidth 20000kbit overhead 44 diffserv4 nat" &&
		has "tc qdisc add dev ifb4wan root stab overhead 8 cake bandwidth 100000kbit overhead 44 diffserv4 nat wash ingress" &&
		has "tc filter add dev wan parent ffff: protocol all prio 10 matchall action ctinfo dscp 0x3f action mirred egress redirect dev ifb4wan" &&
		has "ip link set dev ifb4wan up" &&
		has "verify cake cake" && has "modules sch_ sch_ingress cls_matchall act_ctinfo"
}

what_sqm_says_counts() {
	has "tc qdisc add dev wan root stab overhead 8 cake unlimited overhead 44 diffserv8 nat dual-srchost" &&
		has "tc qdisc add dev ifb4wan root stab overhead 8 cake bandwidth 100000kbit overhead 44 diffserv4 nat ingress"
}

the_mask_is_that_of_nfa() {
	has "tc filter add dev wan parent ffff: protocol all prio 10 matchall action ctinfo dscp 0x3f00 action mirred egress redirect dev ifb4wan"
}

without_ctinfo_it_shapes_all_the_same() {
	has "error nfa_cake_ct: no classes for what comes in: kmod-sched-ctinfo is missing" &&
		has "tc filter add dev wan parent ffff: protocol all prio 10 u32 match u32 0 0 flowid 1:1 action mirred egress redirect dev ifb4wan"
}

run both_directions_have_classes ''
run what_sqm_says_counts 'UPLINK=unlimited EGRESS_CAKE_OPTS="diffserv8 nat" EQDISC_OPTS=dual-srchost ZERO_DSCP_INGRESS=0'
run the_mask_is_that_of_nfa 'configured_mask=0x3f00'
run without_ctinfo_it_shapes_all_the_same 'without=ctinfo'
rm -rf "$WORK"
[ "$failed" = 0 ]
