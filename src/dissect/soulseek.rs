//! Soulseek: logins at its server and openings between its clients, over TCP.
//!
//! Nicotine+, doc/SLSKPROTOCOL.md: little-endian lengths, "Login" (code 1) and the peer messages
//! "PierceFireWall" and "PeerInit".

use crate::bytes::{Reader, Stop};
use crate::dissect::{Dissector, Part, Question};
use crate::facts::Protocol;
use crate::net::Transport;

/// Soulseek.
pub static PROTOCOL: Protocol = Protocol {
    id: 50106,
    name: "Soulseek",
    category: "file-sharing",
    ports: &[(Transport::Tcp, 2242), (Transport::Tcp, 2234)],
};

/// Openings of a client.
pub static SOULSEEK: Dissector = Dissector {
    name: "soulseek",
    over: &[Transport::Tcp],
    protocols: &[&PROTOCOL],
    question: Question::Part(dissect),
    teach: None,
};

/// A name has at most 30 bytes; a password little more.
const TEXT_MAX: u32 = 64;

fn dissect(part: &mut Part<'_>) -> Result<(), Stop> {
    let length = part.u32_le();
    if !(10..=256).contains(&length) {
        return Err(Stop::NotMine);
    }
    // A peer's code is one byte, followed by the length of its name.
    if part.u8() != 1 {
        return Err(Stop::NotMine);
    }
    let body = Reader::stream(part.rest());
    peer(body, length).or_else(|stop| match (login(body, length), stop) {
        (Err(_), Stop::NeedMore) => Err(Stop::NeedMore),
        (other, _) => other,
    })
}

/// A text with its length in front.
fn text<'a>(reader: &mut Reader<'a>) -> Result<&'a [u8], Stop> {
    let length = reader.u32_le()?;
    if !(1..=TEXT_MAX).contains(&length) {
        return Err(Stop::NotMine);
    }
    let text = reader.take(usize::try_from(length).map_err(|_| Stop::NotMine)?)?;
    if text.iter().all(|byte| matches!(byte, b' '..=b'~')) { Ok(text) } else { Err(Stop::NotMine) }
}

/// Two lengths below 64 (2^-52), texts, the type of connection and a total that fits: 2^-100.
fn peer(mut reader: Reader<'_>, length: u32) -> Result<(), Stop> {
    let name = text(&mut reader)?.len();
    let kind = text(&mut reader)?;
    let total = name.saturating_add(kind.len()).saturating_add(13);
    if matches!(kind, b"P" | b"F" | b"D") && u32::try_from(total) == Ok(length) {
        Ok(())
    } else {
        Err(Stop::NotMine)
    }
}

/// Code 1 in four bytes, a name and a password, each behind its length below 64: 2^-24 and 2^-52.
fn login(mut reader: Reader<'_>, length: u32) -> Result<(), Stop> {
    reader.literal(&[0; 3])?;
    let name = text(&mut reader)?.len();
    let password = text(&mut reader)?.len();
    let version = reader.u32_le()?;
    let least = name.saturating_add(password).saturating_add(16);
    let fits = u32::try_from(least).is_ok_and(|least| length >= least);
    if fits && (100..1000).contains(&version) { Ok(()) } else { Err(Stop::NotMine) }
}

#[cfg(test)]
mod tests {
    use crate::dissect::sample::{hex, join, tcp};

    #[test]
    fn logins_and_peers_are_soulseek() {
        let login = join(&[
            &hex("17000000 01000000 03000000"),
            b"bob",
            &hex("04000000"),
            b"pass",
            &hex("a0000000"),
        ]);
        tcp(40000, 2242).original(&login).survives("Soulseek");
        let peer = join(&[&hex("11000000 01 03000000"), b"bob", &hex("01000000"), b"P", &[7; 4]]);
        tcp(40000, 2234).original(&peer).survives("Soulseek");
        let mut damaged = peer;
        damaged[0] = 0x12;
        tcp(40000, 2234).original(damaged).is_nobodys();
    }
}
