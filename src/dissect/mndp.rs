//! The neighbour discovery of MikroTik devices over UDP.

use crate::bytes::{Reader, Stop};
use crate::dissect::Dissector;
use crate::dissect::sides::{each, require};
use crate::facts::{Facts, Protocol};
use crate::net::Transport;
use crate::prefix::Prefix;

/// MNDP.
pub static PROTOCOL: Protocol =
    Protocol { id: 50231, name: "MNDP", category: "infrastructure", ports: &[] };

/// Its messages.
pub static MNDP: Dissector = Dissector {
    name: "mndp",
    over: &[Transport::Udp],
    protocols: &[&PROTOCOL],
    dissect,
    teach: None,
};

/// MikroTik's manual, "Neighbor discovery": four bytes, then fields of a type and a length that
/// fill the datagram; the first is the hardware address: 2^-32, and 2^-10 for each field behind it.
fn dissect(prefix: &Prefix<'_>) -> Result<Facts, Stop> {
    each(prefix, |datagram| {
        let mut reader = Reader::datagram(datagram);
        reader.skip(4)?;
        reader.literal(&[0, 1, 0, 6])?;
        reader.skip(6)?;
        let mut fields = 0usize;
        while !reader.is_empty() {
            let (kind, length) = (reader.u16()?, usize::from(reader.u16()?));
            require((5..=0x14).contains(&kind) || kind == 0x7f)?;
            reader.skip(length)?;
            fields = fields.saturating_add(1);
        }
        require(fields > 0)
    })
    .map(|()| Facts::of(&PROTOCOL))
}

#[cfg(test)]
mod tests {
    use crate::dissect::sample::{hex, udp};

    #[test]
    fn the_hardware_address_comes_first() {
        let hello = hex("00000000 0001 0006 0418d6010203 0005 0004 686f6d65");
        udp(5678, 5678).original(&hello).survives("MNDP");
        udp(5678, 5678).original(&hello[..21]).is_nobodys();
    }
}
