//! eDonkey2000 and eMule: hellos over TCP, searches of Kad over UDP.
//!
//! Kulbak and Bickson, "The eMule Protocol Specification" (2005), sections 6.2 and 6.4; Kad 2.0 as
//! in aMule's src/kademlia.

use crate::bytes::{Reader, Stop};
use crate::dissect::sides::{answered, each, require};
use crate::dissect::{Dissector, Question};
use crate::facts::Protocol;
use crate::net::Transport;
use crate::prefix::Prefix;

/// eDonkey.
pub static PROTOCOL: Protocol = Protocol {
    id: 50105,
    name: "eDonkey",
    category: "file-sharing",
    ports: &[(Transport::Tcp, 4662), (Transport::Udp, 4672)],
};

/// Both.
pub static EDONKEY: Dissector = Dissector {
    name: "edonkey",
    over: &[Transport::Tcp, Transport::Udp],
    protocols: &[&PROTOCOL],
    question: Question::Flow(dissect),
    teach: None,
};

const KAD: u8 = 0xe4;
const KAD_REQUEST: u8 = 0x21;
const KAD_RESPONSE: u8 = 0x29;
/// A hello has a name and a few tags.
const HELLO_MAX: u32 = 1024;
const TAGS_MAX: u32 = 32;

fn dissect(prefix: &Prefix<'_>) -> Result<(), Stop> {
    if prefix.transport == Transport::Tcp {
        return each(prefix, hello);
    }
    answered(prefix, search, |target, bytes| is_result(bytes, target))
}

/// `e3`, a length below 1,024 (2^-30), a hello (16-byte hash before it, or none in a server's login),
/// a hash with eMule's marks or a few tags: 2^-8, 2^-22, 2^-7, 2^-24.
fn hello(side: &[u8]) -> Result<(), Stop> {
    let mut reader = Reader::stream(side);
    if reader.u8()? != 0xe3 {
        return Err(Stop::NotMine);
    }
    let length = reader.u32_le()?;
    if !(27..HELLO_MAX).contains(&length) {
        return Err(Stop::NotMine);
    }
    match (reader.u8()?, reader.peek()) {
        (_, None) => return Err(Stop::NeedMore),
        (1, Some(16)) => reader.skip(1)?, // to a client: the length of the hash
        (1, Some(_)) => {}                // to a server
        (0x4c, Some(_)) => {}             // its answer
        _ => return Err(Stop::NotMine),
    }
    reader.skip(16)?; // hash
    reader.skip(6)?; // address and port
    require((1..=TAGS_MAX).contains(&reader.u32_le()?))
}

/// Kind of search, its target, the contact's own number: 35 bytes.
fn search(bytes: &[u8]) -> Option<&[u8]> {
    match bytes {
        [KAD, KAD_REQUEST, 2 | 4 | 11, rest @ ..] if rest.len() == 32 => rest.get(..16),
        _ => None,
    }
}

/// The target returns (2^-128), and a number of contacts of 25 bytes each.
fn is_result(bytes: &[u8], target: &[u8]) -> bool {
    let Some(([KAD, KAD_RESPONSE], rest)) = bytes.split_first_chunk::<2>() else { return false };
    let count = rest.get(16).copied().map(usize::from);
    rest.get(..16) == Some(target)
        && count.is_some_and(|count| rest.len() == count.saturating_mul(25).saturating_add(17))
}

#[cfg(test)]
mod tests {
    use crate::dissect::sample::{hex, join, tcp, udp};

    #[test]
    fn hellos_are_edonkey() {
        let body = join(&[&[0x5a; 16], &hex("cb007109 3612 02000000 020100 0103 00"), &[0; 8]]);
        let hello = join(&[&hex("e3 28000000 01 10"), &body]);
        tcp(40000, 4662).original(&hello).survives("eDonkey");
        let mut damaged = hello;
        damaged[3] = 1;
        tcp(40000, 4662).original(damaged).is_nobodys();
    }

    #[test]
    fn a_search_and_its_result_are_edonkey() {
        let target = [0x77; 16];
        let ask = join(&[&[0xe4, 0x21, 2], &target, &[0x11; 16]]);
        let result = join(&[&[0xe4, 0x29], &target, &[1], &[0x22; 25]]);
        udp(4672, 4672).original(&ask).reply(&result).survives("eDonkey");
        udp(4672, 4672).original(&ask).is_nobodys();
        let other = join(&[&[0xe4, 0x29], &[0x78; 16], &[1], &[0x22; 25]]);
        udp(4672, 4672).original(&ask).reply(other).is_nobodys();
    }
}
