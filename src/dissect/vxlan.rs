//! VXLAN (RFC 7348): Ethernet frames in datagrams.

use crate::bytes::Stop;
use crate::dissect::sides::require;
use crate::dissect::{Dissector, Part, Question};
use crate::facts::Protocol;
use crate::net::Transport;

/// VXLAN.
pub static PROTOCOL: Protocol =
    Protocol { id: 285, name: "VXLAN", category: "networking", ports: &[(Transport::Udp, 4789)] };

/// Frames.
pub static VXLAN: Dissector = Dissector {
    name: "vxlan",
    over: &[Transport::Udp],
    protocols: &[&PROTOCOL],
    question: Question::Part(dissect),
    teach: None,
};

/// Section 5: one flag, reserved zeros, and an Ethernet frame of a type that bridges carry:
/// 2^-40 for the header, 2^-12 for the type.
fn dissect(part: &mut Part<'_>) -> Result<(), Stop> {
    let (flags, network) = (part.u32(), part.u32());
    if flags != 0x0800_0000 || network & 0xff != 0 {
        return Err(Stop::NotMine);
    }
    part.skip(12);
    let kind = part.u16();
    let version = part.peek().map(|first| first >> 4);
    let sane = match kind {
        0x0800 => version == Some(4),
        0x86dd => version == Some(6),
        0x0806 => part.rest().starts_with(&[0, 1, 8, 0]),
        0x8100 | 0x88a8 => part.len() >= 4,
        _ => false,
    };
    require(sane)
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
