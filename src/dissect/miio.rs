//! Devices of Xiaomi in the LAN (miIO), over UDP.

use crate::bytes::{Reader, Stop};
use crate::dissect::Dissector;
use crate::dissect::sides::{each, require};
use crate::facts::{Facts, Protocol};
use crate::net::Transport;
use crate::prefix::Prefix;

/// miIO.
pub static PROTOCOL: Protocol =
    Protocol { id: 50239, name: "Xiaomi/miIO", category: "infrastructure", ports: &[] };

/// Its messages.
pub static MIIO: Dissector = Dissector {
    name: "miio",
    over: &[Transport::Udp],
    protocols: &[&PROTOCOL],
    dissect,
    teach: None,
};

/// As free clients describe it: a mark, the datagram's length, an unknown word of zeros, or all
/// ones in a hello: 2^-16, 2^-16, 2^-31.
fn dissect(prefix: &Prefix<'_>) -> Result<Facts, Stop> {
    each(prefix, |datagram| {
        let mut reader = Reader::datagram(datagram);
        reader.literal(&[0x21, 0x31])?;
        let length = usize::from(reader.u16()?);
        let word = reader.u32()?;
        require(length == datagram.len() && length >= 32 && matches!(word, 0 | u32::MAX))
    })
    .map(|()| Facts::of(&PROTOCOL))
}

#[cfg(test)]
mod tests {
    use crate::dissect::sample::{hex, join, udp};

    #[test]
    fn hellos_and_messages() {
        let hello = join(&[&hex("21310020"), &[0xff; 28]]);
        udp(40000, 54321).original(&hello).survives("Xiaomi/miIO");
        udp(40000, 54321).original(&hello[..31]).is_nobodys();
    }
}
