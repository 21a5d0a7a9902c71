//! Shapers that know the classes, as tc commands: cake in both directions, or HTB.

use std::fmt::{Result, Write};

use super::Devices;
use super::nft::own_marks;
use crate::uci::{Class, Setup};

/// A device's name has 15 characters (`IFNAMSIZ`, linux/if.h); cake's stands behind "ifb4".
const DEVICE_CHARS_MAX: usize = 11;

/// HTB's classes: number within the root, class, share of the line in hundredths.
const SHARES: [(u16, Class, u32); 4] = [
    (10, Class::Voice, 10),
    (20, Class::Video, 40),
    (30, Class::BestEffort, 40),
    (40, Class::Bulk, 10),
];

/// Writes the commands. Rates are an example's: 20 Mbit/s up, 100 Mbit/s down.
pub(super) fn write(setup: &Setup, devices: &Devices<'_>, out: &mut String) -> Result {
    let wan = devices.wan;
    let tail: String = wan.chars().take(DEVICE_CHARS_MAX).collect();
    let ifb = format!("ifb4{tail}");
    let dscp = setup.globals.marks.dscp;
    writeln!(
        out,
        "# Made by `nfa rules --format tc`. Put your line's rates in place of 20mbit and 100mbit.\n\
         # Either cake. Out: by the DSCP that our postrouting chain writes. In: packets come here\n\
         # before any such chain, so ctinfo puts the DSCP back from the connection's mark.\n\
         tc qdisc replace dev {wan} root cake bandwidth 20mbit diffserv4 nat\n\
         ip link add name {ifb} type ifb\n\
         ip link set {ifb} up\n\
         tc qdisc replace dev {ifb} root cake bandwidth 100mbit diffserv4 nat ingress\n\
         tc qdisc replace dev {wan} handle ffff: ingress\n\
         tc filter replace dev {wan} parent ffff: protocol all prio 10 matchall \
         action ctinfo dscp {dscp:#x} action mirred egress redirect dev {ifb}\n\
         # Or HTB, on what goes out.\n\
         tc qdisc replace dev {wan} root handle 1: htb default 30\n\
         tc class replace dev {wan} parent 1: classid 1:1 htb rate 20mbit"
    )?;
    for (number, class, share) in SHARES {
        let rate = share.saturating_mul(200); // hundredths of 20mbit
        writeln!(
            out,
            "tc class replace dev {wan} parent 1:1 classid 1:{number} htb \
             rate {rate}kbit ceil 20mbit prio {}",
            number / 10
        )?;
        if class == Class::BestEffort {
            continue; // the default
        }
        // The DS field stands in the upper six bits of its byte (RFC 2474 section 3).
        let field = class.dscp().saturating_mul(4);
        for (protocol, test, prio) in [("ip", "ip dsfield", 1), ("ipv6", "ip6 priority", 2)] {
            writeln!(
                out,
                "tc filter add dev {wan} parent 1: protocol {protocol} prio {prio} \
                 u32 match {test} {field:#04x} 0xfc flowid 1:{number}"
            )?;
        }
    }
    for (mark, rule) in own_marks(setup) {
        writeln!(
            out,
            "# {}\ntc filter add dev {wan} parent 1: protocol all prio 3 \
             handle {:#x}/{:#x} fw classid 1:30",
            rule.id, mark.value, mark.mask
        )?;
    }
    Ok(())
}
