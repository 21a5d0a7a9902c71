//! PFCP (3GPP TS 29.244) over UDP.

use crate::bytes::{Reader, Stop};
use crate::dissect::Dissector;
use crate::dissect::sides::{each, require};
use crate::facts::{Facts, Protocol};
use crate::net::Transport;
use crate::prefix::Prefix;

/// PFCP.
pub static PROTOCOL: Protocol =
    Protocol { id: 50225, name: "PFCP", category: "networking", ports: &[(Transport::Udp, 8805)] };

/// Its messages.
pub static PFCP: Dissector = Dissector {
    name: "pfcp",
    over: &[Transport::Udp],
    protocols: &[&PROTOCOL],
    dissect,
    teach: None,
};

/// Elements looked at.
const ELEMENTS_MAX: usize = 8;

/// Section 7.2: version 1, spare bits zero, a known type, the datagram's length, and elements that
/// stay inside it: 2^-6, 2^-3, 2^-16, and 2^-6 for each element's number.
fn dissect(prefix: &Prefix<'_>) -> Result<Facts, Stop> {
    each(prefix, |datagram| {
        let mut reader = Reader::datagram(datagram);
        let (flags, kind, length) = (reader.u8()?, reader.u8()?, usize::from(reader.u16()?));
        require(flags & 0xf8 == 0x20 && length == reader.len())?;
        require(matches!(kind, 1..=15 | 50..=57))?;
        reader.skip(if flags & 1 == 1 { 12 } else { 4 })?;
        let mut elements = 0usize;
        while !reader.is_empty() && elements < ELEMENTS_MAX {
            let (number, length) = (reader.u16()?, usize::from(reader.u16()?));
            require((1..=1024).contains(&number))?;
            reader.skip(length)?;
            elements = elements.saturating_add(1);
        }
        require(elements > 0)
    })
    .map(|()| Facts::of(&PROTOCOL))
}

#[cfg(test)]
mod tests {
    use crate::dissect::sample::{hex, udp};

    #[test]
    fn elements_fill_the_message() {
        let heartbeat = hex("2001000c 00000100 0060 0004 e1a2b3c4");
        udp(8805, 8805).original(&heartbeat).survives("PFCP");
        udp(8805, 8805).original(hex("2001000c 00000100 0060 0005 e1a2b3c4")).is_nobodys();
    }
}
