//! Teredo (RFC 4380): IPv6 packets in datagrams.

use crate::bytes::Stop;
use crate::dissect::sides::require;
use crate::dissect::{Dissector, Part, Question};
use crate::facts::Protocol;
use crate::net::Transport;

/// Teredo.
pub static PROTOCOL: Protocol =
    Protocol { id: 214, name: "Teredo", category: "vpn", ports: &[(Transport::Udp, 3544)] };

/// Packets and bubbles.
pub static TEREDO: Dissector = Dissector {
    name: "teredo",
    over: &[Transport::Udp],
    protocols: &[&PROTOCOL],
    question: Question::Part(dissect),
    teach: None,
};

/// RFC 4380 section 2.6.
const TEREDO_PREFIX: [u8; 4] = [0x20, 0x01, 0, 0];
const ICMPV6: u8 = 58;

fn dissect(part: &mut Part<'_>) -> Result<(), Stop> {
    match part.bytes.first() {
        Some(0x00 | 0x60..=0x6f) => packet(part),
        _ => Err(Stop::NotMine),
    }
}

/// Section 5.1.1: authentication and origin may stand in front of an IPv6 packet that fills the
/// datagram, and one of its addresses is Teredo's own, or it solicits a router over a link: 2^-48
/// and more.
fn packet(part: &mut Part<'_>) -> Result<(), Stop> {
    for _ in 0..2 {
        match part.rest() {
            [0, 1, ..] => {
                part.skip(2);
                let (client, value) = (part.u8(), part.u8());
                part.skip(usize::from(client).saturating_add(value.into()).saturating_add(9));
            }
            [0, 0, ..] => part.skip(8),
            _ => break,
        }
    }
    let first = part.u32();
    let length = usize::from(part.u16());
    let (next, _hops) = (part.u8(), part.u8());
    let (source, destination) = (part.array::<16>(), part.array::<16>());
    let own = source.starts_with(&TEREDO_PREFIX) || destination.starts_with(&TEREDO_PREFIX);
    let link = source.starts_with(&[0xfe, 0x80]) && next == ICMPV6;
    require(first >> 28 == 6 && length == part.len() && (own || link))
}

#[cfg(test)]
mod tests {
    use crate::dissect::sample::{hex, join, udp};

    #[test]
    fn a_packet_inside_fills_its_datagram() {
        let solicit = hex(
            "60000000 0008 3a ff fe800000000000000000ffffffffffff ff020000000000000000000000000002 8500 7d38 00000000",
        );
        udp(40000, 3544)
            .original(join(&[&hex("0001 0000 0102030405060708 00"), &solicit]))
            .survives("Teredo");
        let bubble = hex(
            "60000000 0000 3b 15 20010000d5c6a2ca0000000000000001 20010db8000000000000000000000001",
        );
        udp(40000, 50000).original(join(&[&hex("0000 1234 01020304"), &bubble])).survives("Teredo");
        udp(40000, 50000).original(join(&[&bubble, b"x"])).is_nobodys();
    }
}
