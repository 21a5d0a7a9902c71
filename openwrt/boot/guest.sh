#!/bin/busybox sh
# shellcheck shell=dash
# The first process of the machine that openwrt/boot.sh starts: nfa on a bridge, as on a router.
/bin/busybox --install -s /bin
export PATH=/usr/sbin:/sbin:/usr/bin:/bin
mount -t proc proc /proc
mount -t sysfs sysfs /sys
mount -t devtmpfs dev /dev 2>/dev/null
mount -t tmpfs run /var/run

end() {
  echo "END $1 after $(cut -d' ' -f1 /proc/uptime) s"
  sync
  poweroff -f
  sleep 60
}

echo "UP $(uname -rm), $(sed -n 's/MemTotal: *//p' /proc/meminfo) of memory"
# Some only make a processor's own instructions available (crc32-arm-ce), which it may lack; what is needed is
# missed below.
while read -r module; do insmod "/modules/$module" || echo "WITHOUT $module"; done </modules/order
for device in /sys/class/net/*; do
  name=${device##*/}
  [ ! -e "$device/device" ] || port=$name
done
[ -n "$port" ] || end "failed: no network card"
# busybox's own `ip`: the bridge's members and addresses as netifd would set them.
/bin/busybox ip link set lo up
/bin/busybox brctl addbr br-lan
/bin/busybox brctl addif br-lan "$port"
echo 0 >/sys/class/net/br-lan/bridge/multicast_snooping # as OpenWrt has it
/bin/busybox ip addr add 192.168.71.1/24 dev br-lan
/bin/busybox ip addr add fd71::1/64 dev br-lan
/bin/busybox ip link set "$port" up
/bin/busybox ip link set br-lan up

nfa run --config /etc/nfa.json --catalogue /usr/share/nfa/apps.d >/tmp/log 2>&1 &
agent=$!
tries=0
until nfa status --json >/tmp/status 2>/dev/null; do
  tries=$((tries + 1))
  [ "$tries" -lt 30 ] || { cat /tmp/log; end "failed: nfa does not answer"; }
  sleep 1
done
sleep 1 # for the kernel's own first packets: neighbour discovery
echo "READY $(cut -d' ' -f1 /proc/uptime) s"

wanted=$(cat /etc/frames)
tries=0
until [ "$(cat /sys/class/net/br-lan/statistics/rx_packets)" -ge "$wanted" ]; do
  tries=$((tries + 1))
  [ "$tries" -lt 60 ] || end "failed: $(cat /sys/class/net/br-lan/statistics/rx_packets) frames of $wanted came"
  sleep 1
done
sleep 2
ipset save
grep -E '^Vm(HWM|RSS)|^RssAnon' /proc/$agent/status
sed -n 's/^MemAvailable/&/p' /proc/meminfo
nfa status
kill -TERM "$agent"
wait "$agent"
echo "nfa ended with $?"
cat /tmp/log
echo "members left: $(ipset save | grep -c ^add)"
end well
