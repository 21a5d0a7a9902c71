#!/bin/sh
# On each router: its telemetry to a broker, one message a record. procd or a loop starts it again.
#     publish.sh BROKER [SINK|/PATH]
nfa stream "${2:-telemetry}" | mosquitto_pub -h "$1" -t "nfa/$(cat /proc/sys/kernel/hostname)/records" -l
