//! The neighbour discovery of MikroTik devices over UDP.

use crate::bytes::Stop;
use crate::dissect::sides::require;
use crate::dissect::{Dissector, Part, Question};
use crate::facts::Protocol;
use crate::net::Transport;

/// MNDP.
pub static PROTOCOL: Protocol =
    Protocol { id: 50231, name: "MNDP", category: "infrastructure", ports: &[] };

/// Its messages.
pub static MNDP: Dissector = Dissector {
    name: "mndp",
    over: &[Transport::Udp],
    protocols: &[&PROTOCOL],
    question: Question::Part(dissect),
    teach: None,
};

/// MikroTik's manual, "Neighbor discovery": four bytes, then fields of a type and a length that
/// fill the datagram; the first is the hardware address: 2^-32, and 2^-10 for each field behind it.
fn dissect(part: &mut Part<'_>) -> Result<(), Stop> {
    part.skip(4);
    part.literal(&[0, 1, 0, 6])?;
    part.skip(6);
    let mut fields = 0usize;
    while !part.is_empty() {
        let (kind, length) = (part.u16(), usize::from(part.u16()));
        require((5..=0x14).contains(&kind) || kind == 0x7f)?;
        part.skip(length);
        fields = fields.saturating_add(1);
    }
    require(fields > 0)
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
