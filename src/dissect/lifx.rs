//! Lamps of LIFX in the LAN, over UDP.

use crate::bytes::{Reader, Stop};
use crate::dissect::Dissector;
use crate::dissect::sides::{each, require};
use crate::facts::{Facts, Protocol};
use crate::net::Transport;
use crate::prefix::Prefix;

/// It.
pub static PROTOCOL: Protocol =
    Protocol { id: 50238, name: "LIFX", category: "infrastructure", ports: &[] };

/// Its messages.
pub static LIFX: Dissector = Dissector {
    name: "lifx",
    over: &[Transport::Udp],
    protocols: &[&PROTOCOL],
    dissect,
    teach: None,
};

/// lan.developer.lifx.com, "Packet contents": the datagram's length, protocol 1024 with the
/// addressable bit and no origin, reserved zeros, a known type: 2^-16, 2^-14, 2^-16, 2^-6.
fn dissect(prefix: &Prefix<'_>) -> Result<Facts, Stop> {
    each(prefix, |datagram| {
        let mut reader = Reader::datagram(datagram);
        let (length, protocol) = (usize::from(reader.u16_le()?), reader.u16_le()?);
        require(length == datagram.len() && protocol & 0xdfff == 0x1400)?;
        reader.skip(28)?; // source, target, flags, sequence, reserved
        let kind = reader.u16_le()?;
        reader.literal(&[0, 0])?;
        require((2..1024).contains(&kind))
    })
    .map(|()| Facts::of(&PROTOCOL))
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
