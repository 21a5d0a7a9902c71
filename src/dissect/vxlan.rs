//! VXLAN (RFC 7348): Ethernet frames in datagrams.

use crate::bytes::{Reader, Stop};
use crate::dissect::Dissector;
use crate::dissect::sides::each;
use crate::facts::{Facts, Protocol};
use crate::net::Transport;
use crate::prefix::Prefix;

/// VXLAN.
pub static PROTOCOL: Protocol =
    Protocol { id: 285, name: "VXLAN", category: "networking", ports: &[(Transport::Udp, 4789)] };

/// Frames.
pub static VXLAN: Dissector = Dissector {
    name: "vxlan",
    over: &[Transport::Udp],
    protocols: &[&PROTOCOL],
    dissect,
    teach: None,
};

fn dissect(prefix: &Prefix<'_>) -> Result<Facts, Stop> {
    each(prefix, |datagram| frame(Reader::datagram(datagram))).map(|()| Facts::of(&PROTOCOL))
}

/// Section 5: one flag, reserved zeros, and an Ethernet frame of a type that bridges carry:
/// 2^-40 for the header, 2^-12 for the type.
fn frame(mut reader: Reader<'_>) -> Result<(), Stop> {
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
    fn a_frame_of_a_known_type_stands_inside() {
        let frame = join(&[&hex("08000000 00007b00"), &[2; 12], &hex("0800 45000014"), &[0; 16]]);
        udp(40000, 4789).original(&frame).survives("VXLAN");
        let mut damaged = frame;
        damaged[1] = 1;
        udp(40000, 4789).original(damaged).is_nobodys();
    }
}
