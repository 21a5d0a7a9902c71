//! NetFlow 5 and 9 (RFC 3954) and IPFIX (RFC 7011) over UDP.

use crate::bytes::Stop;
use crate::dissect::sides::require;
use crate::dissect::{Dissector, Part, Question};
use crate::facts::Protocol;
use crate::net::Transport;

/// NetFlow and its standard.
pub static PROTOCOL: Protocol = Protocol {
    id: 128,
    name: "NetFlow",
    category: "infrastructure",
    ports: &[(Transport::Udp, 2055), (Transport::Udp, 4739)],
};

/// Exports of flows.
pub static NETFLOW: Dissector = Dissector {
    name: "netflow",
    over: &[Transport::Udp],
    protocols: &[&PROTOCOL],
    question: Question::Part(dissect),
    teach: None,
};

/// Sets in a datagram.
const PARTS_MAX: usize = 256;

fn dissect(part: &mut Part<'_>) -> Result<(), Stop> {
    match part.u16() {
        5 => version_5(part),
        9 => {
            let count = part.u16();
            part.skip(16); // uptime, time, sequence, source
            if count == 0 {
                return Err(Stop::NotMine);
            }
            sets(part, 0)
        }
        10 => {
            if usize::from(part.u16()) != part.bytes.len() {
                return Err(Stop::NotMine);
            }
            part.skip(12); // time, sequence, domain
            sets(part, 2)
        }
        _ => Err(Stop::NotMine),
    }
}

/// 24 bytes and 48 for each of at most 30 records: 2^-26, and a time of this century with
/// nanoseconds below a second: 2^-3.
fn version_5(part: &mut Part<'_>) -> Result<(), Stop> {
    let count = usize::from(part.u16());
    part.skip(4);
    let (seconds, nanos) = (part.u32(), part.u32());
    let exact = part.bytes.len() == count.saturating_mul(48).saturating_add(24);
    require((1..=30).contains(&count) && exact && seconds > 0x3800_0000 && nanos < 1_000_000_000)
}

/// Sets of templates, options or data whose lengths fill the rest.
fn sets(part: &mut Part<'_>, template: u16) -> Result<(), Stop> {
    for _ in 0..PARTS_MAX {
        let (id, length) = (part.u16(), usize::from(part.u16()));
        let known = id == template || id == template.saturating_add(1) || id >= 256;
        let body = length.checked_sub(4).filter(|body| *body > 0).ok_or(Stop::NotMine)?;
        if !known {
            return Err(Stop::NotMine);
        }
        part.skip(body);
        if part.is_empty() {
            return Ok(());
        }
    }
    Err(Stop::NotMine)
}

#[cfg(test)]
mod tests {
    use crate::dissect::sample::{hex, join, udp};

    #[test]
    fn lengths_fill_the_datagram() {
        let five =
            join(&[&hex("0005 0001 00001000 65000000 00000000 00000000 0000 0000"), &[0; 48]]);
        udp(40000, 2055).original(&five).survives("NetFlow");
        udp(40000, 2055).original(&five[..71]).is_nobodys();
        let nine =
            hex("0009 0001 00001000 65000000 00000001 00000000 0000 000c 0100 0001 0008 0004");
        udp(40000, 2055).original(&nine).survives("NetFlow");
        let ten = hex("000a 001c 65000000 00000001 00000000 0002 000c 0100 0001 0008 0004");
        udp(40000, 4739).original(&ten).survives("NetFlow");
        let mut damaged = ten;
        damaged[19] = 13;
        udp(40000, 4739).original(damaged).is_nobodys();
    }
}
