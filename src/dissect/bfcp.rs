//! BFCP (RFC 8855): who may speak in a conference, over TCP and UDP.

use crate::bytes::Stop;
use crate::dissect::Dissector;
use crate::dissect::sides::{reader, require};
use crate::facts::{Facts, Protocol};
use crate::net::Transport;
use crate::prefix::Prefix;

/// BFCP.
pub static PROTOCOL: Protocol = Protocol { id: 50220, name: "BFCP", category: "voip", ports: &[] };

/// Its messages.
pub static BFCP: Dissector = Dissector {
    name: "bfcp",
    over: &[Transport::Tcp, Transport::Udp],
    protocols: &[&PROTOCOL],
    dissect,
    teach: None,
};

/// Section 5.1: version 1 or 2 with reserved bits zero, a primitive, the length in words. An answer returns
/// conference, transaction and user (2^-64 with 2^-20 for both headers).
fn dissect(prefix: &Prefix<'_>) -> Result<Facts, Stop> {
    let mut asked = None;
    for part in prefix.datagrams() {
        let mut reader = reader(prefix.transport, part.bytes);
        let (version, primitive) = (reader.u8()?, reader.u8()?);
        require(matches!(version, 0x20 | 0x40 | 0x50) && (1..=18).contains(&primitive))?;
        let words = usize::from(reader.u16()?);
        require(words <= 512)?;
        let place = (reader.u32()?, reader.u16()?, reader.u16()?);
        require(place.0 != 0 && place.1 != 0)?;
        match asked {
            Some((direction, other, before))
                if direction == part.direction.flipped() && other == place =>
            {
                return require(before != primitive).map(|()| Facts::of(&PROTOCOL));
            }
            Some(_) => return Err(Stop::NotMine),
            None => asked = Some((part.direction, place, primitive)),
        }
    }
    Err(Stop::NeedMore)
}

#[cfg(test)]
mod tests {
    use crate::dissect::sample::{hex, tcp, udp};

    #[test]
    fn answers_return_the_numbers() {
        let request = hex("20030001 00000001 0001 0002 05040000");
        let status = hex("20040001 00000001 0001 0002 05040000");
        tcp(40000, 5070).original(&request).reply(&status).survives("BFCP");
        udp(40000, 5070).original(&request).reply(status).survives("BFCP");
        udp(40000, 5070).original(&request).reply(request).is_nobodys();
    }
}
