//! NetBIOS over UDP and TCP (RFC 1001, 1002): names on 137, datagrams on 138, sessions on 139.

use std::net::IpAddr;

use crate::bytes::{Reader, Stop, be_u16_at};
use crate::dissect::dns::is_plain;
use crate::dissect::dns::message::{self, Header};
use crate::dissect::sides::each;
use crate::dissect::{Dissector, Question};
use crate::facts::{Facts, Protocol, host_name};
use crate::net::{Endpoint, Transport};
use crate::prefix::Prefix;

/// NetBIOS.
pub static PROTOCOL: Protocol = Protocol {
    id: 10,
    name: "NETBIOS",
    category: "infrastructure",
    ports: &[(Transport::Udp, 137), (Transport::Udp, 138), (Transport::Tcp, 139)],
};

/// Names, datagrams and the request that opens a session.
pub static NETBIOS: Dissector = Dissector {
    name: "netbios",
    over: &[Transport::Udp, Transport::Tcp],
    protocols: &[&PROTOCOL],
    question: Question::Facts(dissect),
    teach: None,
};

/// A first-level encoded name (RFC 1001 section 14.1): 32 letters from A to P, root behind them.
const NAME_BYTES: u8 = 32;
const SESSION_REQUEST: u8 = 0x81;

fn dissect(prefix: &Prefix<'_>) -> Result<Facts, Stop> {
    each(prefix, |part| {
        let name = match prefix.transport {
            Transport::Tcp => session(part)?,
            _ => match name_service(part).or_else(|_| datagram(part)) {
                Ok(name) => name,
                Err(stop) if !framed(prefix, part) => return Err(stop),
                Err(_) => return Ok(Facts::of(&PROTOCOL)),
            },
        };
        let end =
            name.iter().rposition(|&byte| byte > b' ').map_or(0, |last| last.saturating_add(1));
        Ok(Facts { host: host_name(name.get(..end).unwrap_or(&name)), ..Facts::of(&PROTOCOL) })
    })
}

/// Damage to the name leaves the rest: on port 137 the header that nearly every message of the
/// format has (2^-71) and a name's length; on port 138 the sender's own address and port, and the
/// length of what follows (2^-70).
fn framed(prefix: &Prefix<'_>, bytes: &[u8]) -> bool {
    if prefix.has_port(137) {
        let plain = Header::parse(bytes).is_some_and(|header| is_plain(&header));
        return plain && bytes.get(message::HEADER_BYTES) == Some(&NAME_BYTES);
    }
    let Some(&[kind, _, _, _, a, b, c, d, ..]) = bytes.first_chunk::<14>() else { return false };
    let sender = Endpoint { addr: IpAddr::from([a, b, c, d]), port: be_u16_at(bytes, 8) };
    let known = prefix.ends.contains(&sender) && sender.port == 138;
    let rest = bytes.len().saturating_sub(14);
    known && matches!(kind, 0x10..=0x12) && usize::from(be_u16_at(bytes, 10)) == rest
}

/// The first 15 characters of a name; the 16th is the kind of service.
fn decoded(reader: &mut Reader<'_>) -> Result<[u8; 15], Stop> {
    if reader.u8()? != NAME_BYTES {
        return Err(Stop::NotMine);
    }
    let letters = reader.take(NAME_BYTES.into())?;
    if !letters.iter().all(|letter| matches!(letter, b'A'..=b'P')) {
        return Err(Stop::NotMine);
    }
    let mut name = [b' '; 15];
    for (byte, pair) in name.iter_mut().zip(letters.chunks_exact(2)) {
        let half = |letter: &u8| letter.saturating_sub(b'A') & 0x0f;
        *byte = pair.iter().fold(0, |value, letter| value << 4 | half(letter));
    }
    Ok(name)
}

/// RFC 1002 section 4.2: a DNS header, which may be damaged; the first name must be an encoded one
/// (2^-128 by chance), its class or type be known.
fn name_service(bytes: &[u8]) -> Result<[u8; 15], Stop> {
    let mut reader = Reader::datagram(bytes);
    reader.skip(message::HEADER_BYTES)?;
    let name = decoded(&mut reader)?;
    loop {
        match reader.u8()? {
            0 => break,
            label @ 1..=63 => reader.skip(label.into())?, // a scope
            _ => return Err(Stop::NotMine),
        }
    }
    match (reader.u16()?, reader.u16()?) {
        (0x0020 | 0x0021 | 0x000a, _) | (_, 1) => Ok(name),
        _ => Err(Stop::NotMine),
    }
}

/// RFC 1002 section 4.4: types 0x10 to 0x12 carry source and destination names.
fn datagram(bytes: &[u8]) -> Result<[u8; 15], Stop> {
    let mut reader = Reader::datagram(bytes);
    if !matches!(reader.u8()?, 0x10..=0x12) {
        return Err(Stop::NotMine);
    }
    reader.skip(9)?; // flags, id, source address and port
    let length = usize::from(reader.u16()?);
    reader.skip(2)?; // offset of a fragment
    if length != reader.len() {
        return Err(Stop::NotMine);
    }
    decoded(&mut reader)
}

/// RFC 1002 section 4.3.2: called name, calling name. What is inside the session is SMB.
fn session(bytes: &[u8]) -> Result<[u8; 15], Stop> {
    let mut reader = Reader::stream(bytes);
    if reader.u8()? != SESSION_REQUEST || reader.u8()? > 1 {
        return Err(Stop::NotMine);
    }
    let mut names = Reader::stream(reader.sub_u16()?.rest());
    decoded(&mut names)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::dissect::sample::{hex, join, tcp, udp};

    /// `FRED` as a workstation.
    const FRED: &[u8] = b"\x20EGFCEFEECACACACACACACACACACACAAA\0";

    #[test]
    fn names_datagrams_and_sessions_are_told_by_the_encoded_name() {
        let query = join(&[&hex("1234 0110 0001 0000 0000 0000"), FRED, &hex("0020 0001")]);
        let flow = udp(137, 137).original(&query);
        flow.survives("NETBIOS");
        assert_eq!(flow.ask(&NETBIOS).unwrap().host.as_deref(), Some("fred"));
        let datagram = join(&[&hex("110a 0001 c0a80132 008a 0044 0000"), FRED, FRED]);
        udp(138, 138).original(&datagram).survives("NETBIOS");
        let session = join(&[&hex("8100 0044"), FRED, FRED]);
        tcp(50000, 139).original(&session).survives("NETBIOS");
        let mut damaged = query;
        damaged[12] = 0x21;
        udp(137, 137).original(damaged).is_nobodys();
    }

    #[test]
    fn a_damaged_letter_leaves_the_rest() {
        let query = join(&[&hex("1234 0110 0001 0000 0000 0000"), FRED, &hex("0020 0001")]);
        let mut damaged = query;
        damaged[20] = 0xf5;
        udp(137, 137).original(&damaged).survives("NETBIOS");
        damaged[6] = 7;
        udp(137, 137).original(damaged).is_nobodys();
        let mut datagram = join(&[&hex("110a 0001 c0a80132 008a 0044 0000"), FRED, FRED]);
        datagram[20] = 0xf5;
        udp(138, 138).original(&datagram).survives("NETBIOS");
        datagram[7] = 0x33;
        udp(138, 138).original(datagram).is_nobodys();
    }
}
