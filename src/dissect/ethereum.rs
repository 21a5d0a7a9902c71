//! Ethereum's peer-to-peer protocols: node discovery version 4 over UDP and the RLPx handshake over
//! TCP.
//!
//! ethereum/devp2p, discv4.md ("Wire protocol") and rlpx.md ("Initial handshake", EIP-8 format).

use crate::bytes::{Reader, Stop};
use crate::dissect::sides::{each, require};
use crate::dissect::{Dissector, Question};
use crate::facts::Protocol;
use crate::net::{Direction, Transport};
use crate::prefix::Prefix;

const PORT: u16 = 30303;

/// Ethereum.
pub static PROTOCOL: Protocol = Protocol {
    id: 332,
    name: "Ethereum",
    category: "networking",
    ports: &[(Transport::Tcp, PORT), (Transport::Udp, PORT)],
};

/// Both.
pub static ETHEREUM: Dissector = Dissector {
    name: "ethereum",
    over: &[Transport::Tcp, Transport::Udp],
    protocols: &[&PROTOCOL],
    question: Question::Flow(dissect),
    teach: None,
};

/// Hash (32 bytes) and signature without its last byte (64).
const SIGNED_AT: usize = 96;
/// Items in the list of one packet: an answer has at most 16 neighbours.
const ITEMS_MAX: usize = 24;

fn dissect(prefix: &Prefix<'_>) -> Result<(), Stop> {
    if prefix.transport == Transport::Tcp {
        return handshake(prefix);
    }
    each(prefix, discovery)
}

/// The last byte of a signature is 0 or 1 (2^-7), six types (2^-5), a list that ends with the
/// datagram (2^-16), and a time of four bytes as its last or last but one item (2^-8), in this
/// century's second to fourth decade (2^-3): 2^-39 with the items between.
fn discovery(bytes: &[u8]) -> Result<(), Stop> {
    let mut reader = Reader::datagram(bytes);
    let hash = reader.take(SIGNED_AT)?;
    let (recovery, kind) = (reader.u8()?, reader.u8()?);
    if recovery > 1 || !(1..=6).contains(&kind) || hash.iter().take(16).all(|&byte| byte == 0) {
        return Err(Stop::NotMine);
    }
    let mut list = list(&mut reader)?;
    if !reader.is_empty() {
        return Err(Stop::NotMine);
    }
    let mut dated = false;
    for _ in 0..ITEMS_MAX {
        if list.is_empty() {
            break;
        }
        let item = item(&mut list)?;
        // 2010 to 2043.
        dated |= matches!(item, [0x4b..=0x89, _, _, _]);
    }
    require(dated && list.is_empty())
}

/// An RLP list (Ethereum's yellow paper, appendix B).
fn list<'a>(reader: &mut Reader<'a>) -> Result<Reader<'a>, Stop> {
    match reader.u8()? {
        tag @ 0xc0..=0xf7 => reader.sub(usize::from(tag.saturating_sub(0xc0))),
        0xf8 => reader.sub_u8(),
        0xf9 => reader.sub_u16(),
        _ => Err(Stop::NotMine),
    }
}

/// One item of a list, whatever it is: its content.
fn item<'a>(reader: &mut Reader<'a>) -> Result<&'a [u8], Stop> {
    let length = match reader.u8()? {
        0..=0x7f => 0,
        tag @ 0x80..=0xb7 => usize::from(tag.saturating_sub(0x80)),
        tag @ 0xc0..=0xf7 => usize::from(tag.saturating_sub(0xc0)),
        0xb8 | 0xf8 => usize::from(reader.u8()?),
        0xb9 | 0xf9 => usize::from(reader.u16()?),
        _ => return Err(Stop::NotMine),
    };
    reader.take(length)
}

/// Each side's first segment is a length, an uncompressed public key (4 and 64 bytes) and the rest
/// of that length: 2^-24 each side.
fn handshake(prefix: &Prefix<'_>) -> Result<(), Stop> {
    let mut fitting = 0usize;
    for direction in [Direction::Original, Direction::Reply] {
        let mut reader = Reader::stream(prefix.sent(direction));
        if reader.is_empty() {
            continue;
        }
        let length = usize::from(reader.u16()?);
        if !(180..=1200).contains(&length) || reader.u8()? != 4 {
            return Err(Stop::NotMine);
        }
        let whole = length.saturating_add(2);
        if prefix.first(direction).is_none_or(|segment| segment.bytes.len() != whole) {
            return Err(Stop::NotMine);
        }
        fitting = fitting.saturating_add(1);
    }
    if fitting == 2 { Ok(()) } else { Err(Stop::NeedMore) }
}

#[cfg(test)]
mod tests {
    use crate::dissect::sample::{hex, join, tcp, udp};

    fn ping() -> Vec<u8> {
        let list = hex("dc 04 cb 84cb007109 82765f 82765f c9 84c0a80132 82765f 80 84 65000000");
        join(&[&[0x5a; 32], &[0x91; 64], &[1, 1], &list])
    }

    #[test]
    fn discovery_is_ethereum() {
        udp(30303, 30303).original(ping()).survives("Ethereum");
        for at in [96, 97, 98] {
            let mut damaged = ping();
            damaged[at] = 9;
            udp(30303, 30303).original(damaged).is_nobodys();
        }
        let mut undated = ping();
        let at = undated.len() - 4;
        undated[at] = 0;
        udp(30303, 30303).original(undated).is_nobodys();
    }

    #[test]
    fn both_handshakes_are_ethereum() {
        let auth = join(&[&hex("0133 04"), &[0xa7; 0x132]]);
        let ack = join(&[&hex("00f0 04"), &[0xb8; 0xef]]);
        tcp(40000, 30303).original(&auth).reply(&ack).survives("Ethereum");
        tcp(40000, 30303).original(&auth).is_nobodys();
        tcp(40000, 30303).original(&auth).reply(&ack[..200]).is_nobodys();
    }
}
