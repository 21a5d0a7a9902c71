//! Cisco HSRP (RFC 2281 and its version 2) over UDP.

use crate::bytes::Stop;
use crate::dissect::sides::require;
use crate::dissect::{Dissector, Question};
use crate::facts::Protocol;
use crate::net::Transport;
use crate::prefix::Prefix;

/// HSRP.
pub static PROTOCOL: Protocol = Protocol {
    id: 276,
    name: "Cisco/HSRP",
    category: "networking",
    ports: &[(Transport::Udp, 1985), (Transport::Udp, 2029)],
};

/// Its messages.
pub static HSRP: Dissector = Dissector {
    name: "hsrp",
    over: &[Transport::Udp],
    protocols: &[&PROTOCOL],
    question: Question::Flow(dissect),
    teach: None,
};

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// Section 5.1: both ends use the port, and routers speak to a group of theirs: 2^-32 for the port,
/// 2^-28 for the group. Then version 0 in 20 bytes, or version 2 with its first field.
fn dissect(prefix: &Prefix<'_>) -> Result<(), Stop> {
    let Some(datagram) = prefix.datagrams().next() else { return Err(Stop::NeedMore) };
    let [a, b] = prefix.ends;
    require(a.port == b.port && matches!(a.port, 1985 | 2029))?;
    let group = match prefix.end(datagram.direction.flipped()).addr {
        IpAddr::V4(addr) => {
            addr == Ipv4Addr::new(224, 0, 0, 2) || addr == Ipv4Addr::new(224, 0, 0, 102)
        }
        IpAddr::V6(addr) => addr == Ipv6Addr::new(0xff02, 0, 0, 0, 0, 0, 0, 0x66),
    };
    let bytes = datagram.bytes;
    let old = matches!(bytes, [0, 0..=3, 0 | 1 | 2 | 4 | 8 | 16, ..]) && bytes.len() >= 20;
    let new = matches!(bytes, [1, 0x28, 2, ..] | [2, 4, ..]);
    require(group && (old || new))?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use crate::dissect::sample::{hex, udp};

    #[test]
    fn routers_speak_to_their_group() {
        let hello = hex("0000100 30a5a0a00 636973636f000000 0a1ca8fe".replace(' ', "").as_str());
        udp(1985, 1985).towards("224.0.0.2").original(&hello).survives("Cisco/HSRP");
        udp(1985, 1985).original(hello).is_nobodys();
        let new = hex("0204 0000 0001");
        udp(2029, 2029).towards("ff02::66").original(new).survives("Cisco/HSRP");
    }
}
