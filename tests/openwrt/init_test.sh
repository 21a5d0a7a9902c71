# shellcheck shell=dash
# Tests /etc/init.d/nfa: busybox ash init_test.sh NFA [WORK]. Everything OpenWrt's own is mocked
# (rc.sh, bin/), nfa is real. Prints a line for each test; the end is a failure if one was.

HERE=$(cd "$(dirname "$0")" && pwd)
NFA="$1"
WORK="${2:-/tmp/nfa-init-test}"
# shellcheck disable=SC2034 # rc.sh reads it
SCRIPT="$HERE/../../files/etc/init.d/nfa"
export WORK
PATH="$HERE/bin:$PATH"
rm -rf "$WORK"
mkdir -p "$WORK"
failed=0

# shellcheck source=tests/openwrt/rc.sh
. "$HERE/rc.sh"

has() {
	grep -qF -- "$1" "$2" || {
		echo "    expected in $2: $1"
		sed 's/^/    | /' "$2"
		return 1
	}
}

lacks() {
	! grep -F -- "$1" "$2" || {
		echo "    not expected in $2: $1"
		return 1
	}
}

# Runs a function as a test, in a shell of its own as a call of the script is.
run() {
	: >"$LOG"
	if ("$1"); then
		echo "ok      $1"
	else
		echo "FAILED  $1"
		failed=$((failed + 1))
	fi
}

config() {
	cat >"$CONFIG" <<END
config globals 'globals'
	option enabled '1'
	$1

config interface 'lan'
	option role 'lan'

config rule 'films'
	list application 'netflix'
	list set 'films'
	option class 'video'

config rule 'cut'
	list category 'gambling'
	option action 'reject'
	option remember '1'

$2
END
}

disabled_does_nothing() {
	printf "config globals 'globals'\n\toption enabled '0'\n" >"$CONFIG"
	start && lacks "instance" "$LOG" && lacks "nft" "$LOG" && [ ! -e "$RUN/config.json" ]
}

absent_means_disabled() {
	printf "config globals 'globals'\n" >"$CONFIG"
	start && lacks "instance" "$LOG"
}

start_brings_all_in_order() {
	config
	echo br-lan >"$WORK/device.lan"
	start || return 1
	has "instance nfa" "$LOG" &&
		has "param command $NFA run --config $RUN/config.json" "$LOG" &&
		has "param file $NFA" "$LOG" &&
		has "param respawn" "$LOG" &&
		has "param term_timeout 5" "$LOG" &&
		has "param command $NFA rules --keep $RUN/nfa.nft" "$LOG" &&
		has "nft -c -f $RUN/nfa.nft.new" "$LOG" &&
		has "nft -f $RUN/nfa.nft.new" "$LOG" &&
		has "trigger config nfa firewall" "$LOG" &&
		has "trigger interface.* lan /etc/init.d/nfa devices" "$LOG" &&
		lacks "jail" "$LOG" && lacks "logger" "$LOG" && lacks "signal" "$LOG" &&
		has '"br-lan"' "$RUN/config.json" &&
		has "ct mark" "$RUN/nfa.nft" &&
		"$NFA" check --config "$RUN/config.json" >/dev/null &&
		[ "$(grep -n 'nft -c' "$LOG" | cut -d : -f 1)" -lt "$(grep -n 'nft -f' "$LOG" | cut -d : -f 1)" ]
}

sets_are_declared_to_firewall4() {
	start
	has "json array firewall" "$LOG" &&
		has "json name=nfa.films.v4" "$LOG" &&
		has "json name=nfa.films.v6" "$LOG" &&
		has "json family=ipv6" "$LOG" &&
		has "json timeout=3600" "$LOG" &&
		has "json maxelem=4096" "$LOG" &&
		has "json =dest_ip" "$LOG" &&
		[ "$(grep -c '^json \(array\|object\)' "$LOG")" = "$(grep -c '^json end' "$LOG")" ]
}

a_bad_option_keeps_what_runs() {
	cp "$RUN/config.json" "$WORK/before"
	: >"$WORK/running"
	config "option timeout 'soon'"
	reload
	has "option 'timeout': expected a whole number" "$LOG" &&
		has "logger -t nfa -p daemon.err" "$LOG" &&
		cmp "$RUN/config.json" "$WORK/before" &&
		lacks "nft -" "$LOG" &&
		has "param command $NFA run --config $RUN/config.json" "$LOG"
}

a_text_that_is_none_keeps_what_runs() {
	config "option timeout 'soon"
	reload
	has "a ' that nothing closes" "$LOG" && cmp "$RUN/config.json" "$WORK/before" &&
		has "instance nfa" "$LOG"
}

a_bad_word_for_enabled_keeps_what_runs() {
	config
	sed -i "s/enabled '1'/enabled 'maybe'/" "$CONFIG"
	reload
	has "option 'enabled'" "$LOG" && cmp "$RUN/config.json" "$WORK/before" &&
		has "instance nfa" "$LOG"
}

a_bad_rule_is_left_out_and_told() {
	config '' "config rule 'bad'
	list application 'netflx'
	option action 'reject'"
	reload
	has 'did you mean "netflix"?' "$LOG" &&
		has "signal nfa nfa HUP" "$LOG" &&
		has '"films"' "$RUN/config.json" && lacks '"bad"' "$RUN/config.json"
}

a_bad_first_file_starts_nothing() {
	rm -rf "$RUN" "$WORK/running"
	config "option timeout 'soon'"
	if start; then return 1; fi
	lacks "instance" "$LOG" && has "daemon.err" "$LOG"
}

a_reload_signals_only_what_runs() {
	config
	rm -f "$WORK/running"
	reload
	has "instance nfa" "$LOG" && lacks "signal" "$LOG" || return 1
	: >"$LOG"
	: >"$WORK/running"
	reload
	has "signal nfa nfa HUP" "$LOG"
}

rules_that_nft_refuses_are_not_loaded() {
	cp "$RUN/nfa.nft" "$WORK/table"
	: >"$WORK/nft.fails"
	config '' "config rule 'more'
	list application 'spotify'
	option class 'bulk'"
	reload
	rm -f "$WORK/nft.fails"
	has "nft -c -f" "$LOG" && lacks "nft -f" "$LOG" && has "Error: no such thing" "$LOG" &&
		cmp "$WORK/table" "$RUN/nfa.nft"
}

another_device_is_told_to_the_daemon() {
	config
	: >"$WORK/running"
	reload
	: >"$LOG"
	devices
	lacks "signal" "$LOG" || return 1
	echo br-home >"$WORK/device.lan"
	devices
	has "signal nfa nfa HUP" "$LOG" && has '"br-home"' "$RUN/config.json" || return 1
	: >"$LOG"
	devices
	lacks "signal" "$LOG"
}

an_interface_that_is_down_is_waited_for() {
	rm -f "$WORK/device.lan"
	devices
	has '"br-lan"' "$RUN/config.json"
}

ways_come_and_go() {
	config '' "config rule 'way'
	list application 'spotify'
	option mark '0x10000/0x10000'
	option table '200'"
	reload
	has "ip -4 rule add fwmark 0x10000/0x10000 lookup 200 priority 1900" "$LOG" &&
		has "ip -6 rule add fwmark 0x10000/0x10000 lookup 200 priority 1900" "$LOG" || return 1
	: >"$LOG"
	reload
	lacks "ip -4" "$LOG" || return 1
	config
	reload
	has "ip -4 rule del fwmark 0x10000/0x10000 lookup 200 priority 1900" "$LOG" &&
		has "ip -6 rule del" "$LOG" && lacks "rule add" "$LOG"
}

offloading_is_seen_and_said() {
	echo 1 >"$WORK/flow_offloading"
	echo 1 >"$WORK/flow_offloading_hw"
	reload
	rm -f "$WORK/flow_offloading" "$WORK/flow_offloading_hw"
	has '"kill"' "$RUN/config.json" && has "hardware offloading is on" "$LOG"
}

a_jail_is_used_where_there_is_one() {
	mkdir -p "$IPKG_INSTROOT/sbin" "$IPKG_INSTROOT/etc/capabilities"
	printf '#!/bin/sh\n' >"$IPKG_INSTROOT/sbin/ujail"
	chmod +x "$IPKG_INSTROOT/sbin/ujail"
	: >"$IPKG_INSTROOT/etc/capabilities/nfa.json"
	: >"$IPKG_INSTROOT/etc/passwd"
	start
	rm -r "$IPKG_INSTROOT/sbin"
	has "jail nfa log procfs" "$LOG" && has "param capabilities /etc/capabilities/nfa.json" "$LOG" &&
		has "param no_new_privs 1" "$LOG" && has "mount $RUN" "$LOG" &&
		has "mount rw $RUN/own" "$LOG" && has "mount /sys/class/net" "$LOG" &&
		has "param more command --socket $RUN/own/nfa.sock" "$LOG" &&
		[ "$(readlink "$RUN.sock")" = "$RUN/own/nfa.sock" ] && lacks "user nfa" "$LOG"
}

without_a_jail_the_daemon_leaves_root_by_itself() {
	mkdir -p "$IPKG_INSTROOT/etc"
	echo 'nfa:x:453:453:nfa:/var/run/nfa:/bin/false' >"$IPKG_INSTROOT/etc/passwd"
	start
	rm "$IPKG_INSTROOT/etc/passwd"
	has "param more command --user nfa" "$LOG" && lacks "jail" "$LOG" && [ ! -e "$RUN.sock" ]
}

without_firewall4_sets_are_ipsets() {
	mkdir -p "$WORK/bin"
	cp "$HERE"/bin/* "$WORK/bin"
	mv "$WORK/bin/fw4" "$WORK/bin/ipset"
	PATH="$WORK/bin:${PATH#*:}"
	hash -r
	config
	reload
	has '"ipset"' "$RUN/config.json" && lacks '"nftset"' "$RUN/config.json" &&
		lacks "nft -f" "$LOG" && lacks "json name" "$LOG"
}

stop_leaves_nothing() {
	config
	reload
	: >"$LOG"
	stop
	has "nft delete table inet nfa" "$LOG" && has "service delete" "$LOG" &&
		[ ! -e "$RUN/config.json" ] && [ ! -e "$RUN/nfa.nft" ] && [ ! -e "$RUN/sets" ]
}

disabling_leaves_nothing() {
	config
	reload
	: >"$LOG"
	sed -i "s/enabled '1'/enabled '0'/" "$CONFIG"
	reload
	has "nft delete table inet nfa" "$LOG" && lacks "instance" "$LOG" && [ ! -e "$RUN/config.json" ]
}

check_and_rules_are_for_people() {
	config
	check >"$WORK/out" && has "no mistakes" "$WORK/out" || return 1
	rules >"$WORK/out" && has "table inet nfa" "$WORK/out" || return 1
	rules --format iptables >"$WORK/out" && has "iptables -w -t mangle" "$WORK/out" || return 1
	for command in check rules devices apps flows sets search; do
		case "$EXTRA " in
			*" $command "*) ;;
			*) echo "    no extra command $command" && return 1 ;;
		esac
		type "$command" >/dev/null || return 1
	done
}

for test in disabled_does_nothing absent_means_disabled start_brings_all_in_order \
	sets_are_declared_to_firewall4 a_bad_option_keeps_what_runs \
	a_text_that_is_none_keeps_what_runs a_bad_word_for_enabled_keeps_what_runs \
	a_bad_rule_is_left_out_and_told a_bad_first_file_starts_nothing \
	a_reload_signals_only_what_runs rules_that_nft_refuses_are_not_loaded \
	another_device_is_told_to_the_daemon an_interface_that_is_down_is_waited_for \
	ways_come_and_go offloading_is_seen_and_said a_jail_is_used_where_there_is_one \
	without_a_jail_the_daemon_leaves_root_by_itself \
	without_firewall4_sets_are_ipsets stop_leaves_nothing disabling_leaves_nothing \
	check_and_rules_are_for_people; do
	run "$test"
done
rm -rf "$WORK"
[ "$failed" = 0 ]
