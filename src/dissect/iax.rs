//! IAX2 (RFC 5456): calls between exchanges, over UDP.

use crate::bytes::{Reader, Stop};
use crate::dissect::Dissector;
use crate::dissect::sides::{each, require};
use crate::facts::{Facts, Protocol};
use crate::net::Transport;
use crate::prefix::Prefix;

/// IAX2.
pub static PROTOCOL: Protocol =
    Protocol { id: 95, name: "IAX", category: "voip", ports: &[(Transport::Udp, 4569)] };

/// Its messages.
pub static IAX: Dissector = Dissector {
    name: "iax",
    over: &[Transport::Udp],
    protocols: &[&PROTOCOL],
    dissect,
    teach: None,
};

/// Section 8.1: a full frame of control (type 6) that opens: its destination call is zero, and so are
/// both numbers (2^-1, 2^-15, 2^-16, 2^-8), and elements fill it.
fn dissect(prefix: &Prefix<'_>) -> Result<Facts, Stop> {
    each(prefix, |datagram| {
        let mut reader = Reader::datagram(datagram);
        let (source, destination) = (reader.u16()?, reader.u16()?);
        require(source > 0x8000 && destination == 0)?;
        reader.skip(4)?; // time
        reader.literal(&[0, 0, 6])?;
        // NEW, REGREQ, REGREL, POKE and the request for a token.
        let opens = matches!(reader.u8()?, 0x01 | 0x0d | 0x11 | 0x1e);
        while !reader.is_empty() {
            reader.skip(1)?;
            let length = usize::from(reader.u8()?);
            reader.skip(length)?;
        }
        require(opens)
    })
    .map(|()| Facts::of(&PROTOCOL))
}

#[cfg(test)]
mod tests {
    use crate::dissect::sample::{hex, udp};

    #[test]
    fn calls_are_opened_by_elements() {
        let new = hex("80040000 00000001 0000 06 01 0b020002 0103343432");
        udp(40000, 4569).original(&new).survives("IAX");
        udp(40000, 4569)
            .original(hex("80040000 00000001 0000 06 01 0b020002 0104343432"))
            .is_nobodys();
    }
}
