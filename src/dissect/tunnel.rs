//! Packets in datagrams: Teredo (RFC 4380) and VXLAN (RFC 7348).

use crate::bytes::{Reader, Stop};
use crate::dissect::Dissector;
use crate::dissect::sides::each;
use crate::facts::{Facts, Protocol};
use crate::net::Transport;
use crate::prefix::Prefix;

/// Teredo.
pub static TEREDO: Protocol =
    Protocol { id: 214, name: "Teredo", category: "vpn", ports: &[(Transport::Udp, 3544)] };
/// VXLAN.
pub static VXLAN: Protocol =
    Protocol { id: 285, name: "VXLAN", category: "networking", ports: &[(Transport::Udp, 4789)] };

/// Both.
pub static TUNNEL: Dissector = Dissector {
    name: "tunnel",
    over: &[Transport::Udp],
    protocols: &[&TEREDO, &VXLAN],
    dissect,
    teach: None,
};

/// RFC 4380 section 2.6.
const TEREDO_PREFIX: [u8; 4] = [0x20, 0x01, 0, 0];
const ICMPV6: u8 = 58;

fn dissect(prefix: &Prefix<'_>) -> Result<Facts, Stop> {
    each(prefix, |datagram| match datagram.first() {
        Some(0x00 | 0x60..=0x6f) => teredo(Reader::datagram(datagram)).map(|()| Facts::of(&TEREDO)),
        Some(0x08) => vxlan(Reader::datagram(datagram)).map(|()| Facts::of(&VXLAN)),
        _ => Err(Stop::NotMine),
    })
}

/// Section 5.1.1: authentication and origin may stand in front of an IPv6 packet that fills the
/// datagram, and one of its addresses is Teredo's own, or it solicits a router over a link: 2^-48
/// and more.
fn teredo(mut reader: Reader<'_>) -> Result<(), Stop> {
    for _ in 0..2 {
        match reader.rest() {
            [0, 1, ..] => {
                reader.skip(2)?;
                let (client, value) = (reader.u8()?, reader.u8()?);
                reader.skip(usize::from(client).saturating_add(value.into()).saturating_add(9))?;
            }
            [0, 0, ..] => reader.skip(8)?,
            _ => break,
        }
    }
    let first = reader.u32()?;
    let length = usize::from(reader.u16()?);
    let (next, _hops) = (reader.u8()?, reader.u8()?);
    let (source, destination) = (reader.array::<16>()?, reader.array::<16>()?);
    let own = source.starts_with(&TEREDO_PREFIX) || destination.starts_with(&TEREDO_PREFIX);
    let link = source.starts_with(&[0xfe, 0x80]) && next == ICMPV6;
    if first >> 28 == 6 && length == reader.len() && (own || link) {
        Ok(())
    } else {
        Err(Stop::NotMine)
    }
}

/// Section 5: one flag, reserved zeros, and an Ethernet frame of a type that bridges carry:
/// 2^-40 for the header, 2^-12 for the type.
fn vxlan(mut reader: Reader<'_>) -> Result<(), Stop> {
    let (flags, network) = (reader.u32()?, reader.u32()?);
    if flags != 0x0800_0000 || network & 0xff != 0 {
        return Err(Stop::NotMine);
    }
    reader.skip(12)?;
    let kind = reader.u16()?;
    let version = reader.peek().map(|first| first >> 4);
    let sane = match kind {
        0x0800 => version == Some(4),
        0x86dd => version == Some(6),
        0x0806 => reader.rest().starts_with(&[0, 1, 8, 0]),
        0x8100 | 0x88a8 => reader.len() >= 4,
        _ => false,
    };
    if sane { Ok(()) } else { Err(Stop::NotMine) }
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
        let frame = join(&[&hex("08000000 00007b00"), &[2; 12], &hex("0800 45000014"), &[0; 16]]);
        udp(40000, 4789).original(&frame).survives("VXLAN");
        let mut damaged = frame;
        damaged[1] = 1;
        udp(40000, 4789).original(damaged).is_nobodys();
    }
}
