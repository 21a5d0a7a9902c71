# shellcheck shell=dash
# Stands in for OpenWrt's rc.common, functions.sh, procd.sh, jshn.sh and network.sh, as far as
# /etc/init.d/nfa uses them: what procd and firewall4 would get is written to $LOG, line by line.
# Source it with SCRIPT (the init script), WORK (a folder), NFA (the program) set.

LOG="$WORK/log"
IPKG_INSTROOT="$WORK/root"
EXTRA=''

note() {
	echo "$*" >>"$LOG"
}

# rc.common
extra_command() {
	EXTRA="$EXTRA $1"
}

start() {
	note "service set"
	start_service "$@"
	service_status=$?
	_in_triggers=1 service_triggers
	service_data
	note "service done"
	return $service_status
}

stop() {
	stop_service "$@"
	note "service delete"
}

reload() {
	reload_service "$@"
}

# functions.sh: options of sections, one value each, as `config TYPE 'NAME'` and `option N 'V'`.
config_load() {
	local word rest name value number=0 section=''
	sections=''
	while read -r word rest; do
		name="${rest%%[	 ]*}"
		value="${rest#"$name"}"
		value="${value#*\'}"
		value="${value%\'*}"
		case "$word" in
			config)
				number=$((number + 1))
				name="${name#\'}"
				section="${value:-cfg$number}"
				sections="$sections ${name%\'}:$section"
				;;
			option) eval "_${section}_${name}=\$value" ;;
		esac
	done <"$CONFIG"
}

config_foreach() {
	local one
	for one in $sections; do
		[ "${one%%:*}" != "$2" ] || "$1" "${one#*:}"
	done
}

config_get() {
	eval "$1=\"\${_${2}_${3}:-\$4}\""
}

# procd.sh
procd_open_instance() {
	note "instance $1"
}

procd_set_param() {
	note "param $*"
}

procd_append_param() {
	note "param more $*"
}

procd_close_instance() {
	note "instance done"
}

procd_add_jail() {
	note "jail $*"
}

procd_add_jail_mount() {
	note "mount $*"
}

procd_add_jail_mount_rw() {
	note "mount rw $*"
}

procd_add_reload_trigger() {
	note "trigger config $*"
}

procd_add_interface_trigger() {
	note "trigger $*"
}

procd_send_signal() {
	note "signal $*"
}

procd_running() {
	[ -e "$WORK/running" ]
}

# jshn.sh
json_add_array() {
	note "json array $1"
}

json_add_object() {
	note "json object $1"
}

json_add_string() {
	note "json $1=$2"
}

json_close_array() {
	note "json end"
}

json_close_object() {
	note "json end"
}

# network.sh is read by the script itself, from $IPKG_INSTROOT.
mkdir -p "$IPKG_INSTROOT/lib/functions"
cat >"$IPKG_INSTROOT/lib/functions/network.sh" <<'END'
network_flush_cache() { :; }
network_get_device() {
	eval "$1=''"
	[ -e "$WORK/device.$2" ] || return 1
	eval "$1=$(cat "$WORK/device.$2")"
}
END

# shellcheck source=/dev/null
. "$SCRIPT"

# shellcheck disable=SC2034 # the script reads them
{
	PROG="$NFA"
	CONFIG="$WORK/nfa"
	RUN="$WORK/run"
}
