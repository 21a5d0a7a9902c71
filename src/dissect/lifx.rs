//! Lamps of LIFX in the LAN, over UDP.

use crate::bytes::Stop;
use crate::dissect::sides::require;
use crate::dissect::{Dissector, Part, Question};
use crate::facts::Protocol;
use crate::net::Transport;

/// It.
pub static PROTOCOL: Protocol =
    Protocol { id: 50238, name: "LIFX", category: "infrastructure", ports: &[] };

/// Its messages.
pub static LIFX: Dissector = Dissector {
    name: "lifx",
    over: &[Transport::Udp],
    protocols: &[&PROTOCOL],
    question: Question::Part(dissect),
    teach: None,
};

/// lan.developer.lifx.com, "Packet contents": the datagram's length, protocol 1024 with the
/// addressable bit and no origin, reserved zeros, a known type: 2^-16, 2^-14, 2^-16, 2^-6.
fn dissect(part: &mut Part<'_>) -> Result<(), Stop> {
    let (length, protocol) = (usize::from(part.u16_le()), part.u16_le());
    require(length == part.bytes.len() && protocol & 0xdfff == 0x1400)?;
    part.skip(28); // source, target, flags, sequence, reserved
    let kind = part.u16_le();
    part.literal(&[0, 0])?;
    require((2..1024).contains(&kind))
}

#[cfg(test)]
mod tests {
    use crate::dissect::sample::{hex, join, udp};

    #[test]
    fn headers_are_fixed() {
        let get = join(&[&hex("2400 0034 01020304"), &[0; 24], &hex("0200 0000")]);
        udp(40000, 56700).original(&get).survives("LIFX");
        let mut damaged = get;
        damaged[0] = 0x25;
        udp(40000, 56700).original(damaged).is_nobodys();
    }
}
