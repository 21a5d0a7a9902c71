//! RADIUS (RFC 2865, RFC 2866, RFC 5176).

use crate::bytes::{Reader, Stop};
use crate::dissect::sides::require;
use crate::dissect::{Dissector, Question};
use crate::facts::Protocol;
use crate::net::Transport;
use crate::prefix::Prefix;

/// RADIUS.
pub static PROTOCOL: Protocol = Protocol {
    id: 146,
    name: "RADIUS",
    category: "authentication",
    ports: &[(Transport::Udp, 1812), (Transport::Udp, 1813), (Transport::Udp, 3799)],
};

/// Requests and answers.
pub static RADIUS: Dissector = Dissector {
    name: "radius",
    over: &[Transport::Udp],
    protocols: &[&PROTOCOL],
    question: Question::Flow(dissect),
    teach: None,
};

const PORTS: [u16; 5] = [1812, 1813, 1645, 1646, 3799];

/// A known code, a length that is the datagram's (2^-21), and attributes. On a registered port the
/// first of them must fit (2^-4), the rest may be damaged; elsewhere they must fill the datagram
/// (about 2^-8), and an answer with the same identifier is asked for, and at least two attributes
/// on the way.
fn dissect(prefix: &Prefix<'_>) -> Result<(), Stop> {
    let home = PORTS.iter().any(|&port| prefix.has_port(port));
    let (mut asked, mut seen) = (None, 0usize);
    for datagram in prefix.datagrams() {
        let (code, identifier, attributes, whole) = packet(datagram.bytes)?;
        require(whole || (home && attributes > 0))?;
        seen = seen.saturating_add(attributes);
        let request = matches!(code, 1 | 4 | 12 | 40 | 43);
        let answered = !request && asked == Some((datagram.direction.flipped(), identifier));
        if (home && (attributes > 0 || code != 1)) || (answered && seen >= 2) {
            return Ok(());
        }
        if request {
            asked = Some((datagram.direction, identifier));
        }
    }
    Err(Stop::NeedMore)
}

/// RFC 2865 section 3 and 5.
fn packet(bytes: &[u8]) -> Result<(u8, u8, usize, bool), Stop> {
    let mut reader = Reader::datagram(bytes);
    let (code, identifier, length) = (reader.u8()?, reader.u8()?, usize::from(reader.u16()?));
    let known = matches!(code, 1..=5 | 11..=13 | 40..=45);
    if !known || length != bytes.len() || length > 4096 {
        return Err(Stop::NotMine);
    }
    reader.skip(16)?; // authenticator
    let mut attributes = 0usize;
    while !reader.is_empty() {
        if attribute(&mut reader).is_err() {
            return Ok((code, identifier, attributes, false));
        }
        attributes = attributes.saturating_add(1);
    }
    Ok((code, identifier, attributes, true))
}

fn attribute(reader: &mut Reader<'_>) -> Result<(), Stop> {
    let (kind, length) = (reader.u8()?, usize::from(reader.u8()?));
    require(kind != 0)?;
    reader.skip(length.checked_sub(2).ok_or(Stop::NotMine)?)
}

#[cfg(test)]
mod tests {
    use crate::dissect::sample::{hex, join, udp};

    #[test]
    fn packets_are_filled_by_attributes() {
        let request = join(&[&hex("01 2a 001f"), &[9; 16], &hex("0105 626f62 0406 c0a80101")]);
        udp(40000, 1812).original(&request).survives("RADIUS");
        udp(40000, 4000).original(&request).is_nobodys();
        let accept = join(&[&hex("02 2a 001a"), &[9; 16], &hex("0606 00000002")]);
        udp(40000, 4000).original(&request).reply(&accept).survives("RADIUS");
        let mut damaged = request;
        damaged[26] = 9; // the second attribute leaves the packet
        udp(40000, 1812).original(&damaged).survives("RADIUS");
        udp(40000, 4000).original(damaged).reply(&accept).is_nobodys();
    }
}
