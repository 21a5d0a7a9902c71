//! STUN (RFC 8489), TURN (RFC 8656) and the cookie-less STUN of RFC 3489, over UDP and TCP.
//!
//! TURN channel data, media and DTLS of the same flow come behind a STUN message that named it.

use std::net::IpAddr;

use crate::bytes::{Reader, Stop, be_u16_at};
use crate::dissect::sides::each;
use crate::dissect::{Dissector, Question};
use crate::facts::{Detail, Facts, Protocol};
use crate::net::{Endpoint, Transport};
use crate::prefix::Prefix;

/// STUN, whatever asks through it.
pub static PROTOCOL: Protocol = Protocol {
    id: 78,
    name: "STUN",
    category: "networking",
    ports: &[(Transport::Udp, 3478), (Transport::Tcp, 3478), (Transport::Udp, 19302)],
};

/// Calls of Skype, Skype for Business and Teams.
pub static PROTOCOL_TEAMS: Protocol =
    Protocol { id: 38, name: "Skype/Teams/Call", category: "voip", ports: &[] };
/// Calls of WhatsApp.
pub static PROTOCOL_WHATSAPP: Protocol =
    Protocol { id: 246, name: "WhatsApp/Call", category: "voip", ports: &[] };

/// Requests, indications and answers.
pub static STUN: Dissector = Dissector {
    name: "stun",
    over: &[Transport::Udp, Transport::Tcp],
    protocols: &[&PROTOCOL, &PROTOCOL_TEAMS, &PROTOCOL_WHATSAPP],
    question: Question::Facts(dissect),
    teach: None,
};

/// RFC 8489 section 5.
const COOKIE: u32 = 0x2112_a442;
const HEADER_BYTES: usize = 20;
/// Attributes in one message: real ones have about a dozen.
const ATTRIBUTES_MAX: usize = 64;

const MAPPED: u16 = 0x0001;
const XOR_MAPPED: u16 = 0x0020;
/// RFC 5780 sections 7.3 and 7.4, and what RFC 3489 called the same.
const RESPONSE_ORIGIN: u16 = 0x802b;
const OTHER_ADDRESS: u16 = 0x802c;
const SOURCE_ADDRESS: u16 = 0x0004;
const CHANGED_ADDRESS: u16 = 0x0005;
/// Addresses kept of one flow: one of each meaning, and a spare.
const DETAILS_MAX: usize = 6;
const XOR_PEER: u16 = 0x0012;
const XOR_RELAYED: u16 = 0x0016;
/// Written by servers older than RFC 5389 was final.
const XOR_MAPPED_OLD: u16 = 0x8020;
/// Implementation version, in every message of Microsoft's ICE ([MS-ICE2] section 2.2.2).
const MS_IMPLEMENTATION: u16 = 0x8070;
/// Types that no RFC gives (RFC 8489 section 18.3), of the relays of WhatsApp: in an Allocate without
/// the transport that RFC 8656 section 7.1 demands, and eight bytes in its answer.
const WHATSAPP_TOKEN: u16 = 0x4000;
const WHATSAPP_TIME: u16 = 0x4002;
const ALLOCATE: u16 = 0x0003;
const ALLOCATE_ANSWER: u16 = 0x0103;

fn dissect(prefix: &Prefix<'_>) -> Result<Facts, Stop> {
    if prefix.transport == Transport::Tcp {
        return each(prefix, stream);
    }
    each(prefix, |datagram| if is_modern(datagram) { modern(datagram) } else { Err(Stop::NotMine) })
        .map(|facts| with_later(prefix, facts))
        .or_else(|_| classic(prefix))
}

/// The addresses stand in an answer that comes later than what names the flow.
fn with_later(prefix: &Prefix<'_>, mut facts: Facts) -> Facts {
    for datagram in prefix.datagrams() {
        if let Ok(more) = modern(datagram.bytes) {
            if facts.protocol == &PROTOCOL {
                facts.protocol = more.protocol;
            }
            for detail in more.details {
                if !facts.details.contains(&detail) && facts.details.len() < DETAILS_MAX {
                    facts.details.push(detail);
                }
            }
        }
    }
    facts.pending = facts.details.is_empty() && !prefix.last_call;
    facts
}

fn is_modern(bytes: &[u8]) -> bool {
    bytes.get(4..8) == Some(&COOKIE.to_be_bytes())
}

/// Two zero bits, the cookie, a length that ends with the datagram: 2^-50. Big callers write
/// attributes and lengths that are not padded, so the walk over them decides nothing.
fn modern(bytes: &[u8]) -> Result<Facts, Stop> {
    let mut reader = Reader::datagram(bytes);
    let message = reader.u16()?;
    let length = reader.u16()?;
    if message & 0xc000 != 0 || reader.u32()? != COOKIE {
        return Err(Stop::NotMine);
    }
    let transaction: [u8; 12] = reader.array()?;
    if reader.len() != usize::from(length) {
        return Err(Stop::NotMine);
    }
    let mut facts = Facts::of(&PROTOCOL);
    let mut whose = &PROTOCOL;
    let _unpadded = attributes(&mut reader, |kind, value| {
        match (message, kind, value.len()) {
            (_, MS_IMPLEMENTATION, 4) => whose = &PROTOCOL_TEAMS,
            (ALLOCATE, WHATSAPP_TOKEN, 16..) | (ALLOCATE_ANSWER, WHATSAPP_TIME, 8) => {
                whose = &PROTOCOL_WHATSAPP;
            }
            _ => {}
        }
        let detail = match kind {
            XOR_MAPPED | XOR_MAPPED_OLD => unmask(value, &transaction).map(Detail::StunMapped),
            MAPPED => plain(value).map(Detail::StunMapped),
            XOR_PEER => unmask(value, &transaction).map(Detail::StunPeer),
            XOR_RELAYED => unmask(value, &transaction).map(Detail::StunRelayed),
            RESPONSE_ORIGIN | SOURCE_ADDRESS => plain(value).map(Detail::StunResponse),
            OTHER_ADDRESS | CHANGED_ADDRESS => plain(value).map(Detail::StunOther),
            _ => Err(Stop::NotMine),
        };
        if let Ok(detail) = detail
            && facts.details.len() < DETAILS_MAX
            && !facts.details.contains(&detail)
        {
            facts.details.push(detail);
        }
        true
    });
    facts.protocol = whose;
    Ok(facts)
}

/// Type, length, value, padded to whole words (RFC 8489 section 14).
fn attributes<'a>(
    reader: &mut Reader<'a>,
    mut visit: impl FnMut(u16, Reader<'a>) -> bool,
) -> Result<(), Stop> {
    for _ in 0..ATTRIBUTES_MAX {
        if reader.is_empty() {
            return Ok(());
        }
        let (kind, length) = (reader.u16()?, usize::from(reader.u16()?));
        let value = reader.sub(length)?;
        // Some senders leave out the last padding.
        reader.skip((length.wrapping_neg() & 3).min(reader.len()))?;
        if !visit(kind, value) {
            return Err(Stop::NotMine);
        }
    }
    Err(Stop::NotMine)
}

/// Section 14.1.
fn plain(mut value: Reader<'_>) -> Result<Endpoint, Stop> {
    let family = value.u16()?;
    let port = value.u16()?;
    let addr = match (family, value.len()) {
        (1, 4) => IpAddr::from(value.array::<4>()?),
        (2, 16) => IpAddr::from(value.array::<16>()?),
        _ => return Err(Stop::Malformed),
    };
    Ok(Endpoint { addr, port })
}

/// Section 14.2: masked by the cookie, and for IPv6 the transaction id behind it.
fn unmask(value: Reader<'_>, transaction: &[u8; 12]) -> Result<Endpoint, Stop> {
    let Endpoint { addr, port } = plain(value)?;
    let [high, low, _, _] = COOKIE.to_be_bytes();
    let addr = match addr {
        IpAddr::V4(addr) => IpAddr::from((u32::from(addr) ^ COOKIE).to_be_bytes()),
        IpAddr::V6(addr) => {
            let mut octets = addr.octets();
            let mask = COOKIE.to_be_bytes().into_iter().chain(*transaction);
            octets.iter_mut().zip(mask).for_each(|(octet, mask)| *octet ^= mask);
            IpAddr::from(octets)
        }
    };
    Ok(Endpoint { addr, port: port ^ u16::from_be_bytes([high, low]) })
}

/// A stream of messages, or of messages with a length in front (RFC 4571, used by RFC 6544).
fn stream(side: &[u8]) -> Result<Facts, Stop> {
    let framed = side.get(2..).unwrap_or_default();
    let message = if be_u16_at(side, 0) >= 20 && is_modern(framed) { framed } else { side };
    let mut reader = Reader::stream(message);
    if reader.u16()? & 0xc000 != 0 {
        return Err(Stop::NotMine);
    }
    let length = usize::from(reader.u16()?);
    match Reader::stream(reader.rest()).literal(&COOKIE.to_be_bytes()) {
        // It may yet prove to have a length in front.
        Err(Stop::NotMine) if side.len() < 10 && be_u16_at(side, 0) >= 20 => {
            return Err(Stop::NeedMore);
        }
        other => other?,
    }
    reader.skip(16)?; // cookie and transaction id
    let total = length.saturating_add(HEADER_BYTES);
    modern(message.get(..total).ok_or(Stop::NeedMore)?)
}

/// RFC 3489: no cookie, so 16 random bytes behind type and length. Certain by an answer with the
/// same transaction id (2^-128), or by one or more attributes of section 11.2, each of the one
/// length it can have: at least 2^-32 for the header and 2^-32 for the attribute.
fn classic(prefix: &Prefix<'_>) -> Result<Facts, Stop> {
    let mut asked: Option<&[u8]> = None;
    for datagram in prefix.datagrams() {
        let bytes = datagram.bytes;
        let mut reader = Reader::datagram(bytes);
        let kind = reader.u16()?;
        let length = usize::from(reader.u16()?);
        let id = reader.take(16)?;
        if !matches!(kind, 0x0001 | 0x0002 | 0x0101 | 0x0102 | 0x0111 | 0x0112)
            || length != reader.len()
            || id.iter().all(|&byte| byte == 0)
        {
            return Err(Stop::NotMine);
        }
        let mut known = 0usize;
        attributes(&mut reader, |kind, value| {
            let fits = match (kind, value.len()) {
                (0x0001 | 0x0002 | 0x0004 | 0x0005 | 0x000b, 8) => plain(value).is_ok(),
                (0x0003, 4) => value.rest().starts_with(&[0, 0, 0]),
                (0x0008, 20) | (0x8022, 1..=128) | (0x0006 | 0x0007 | 0x0009, 4..=128) => true,
                (0x8020 | 0x8050, 8) => true,
                _ => return false,
            };
            known = known.saturating_add(usize::from(fits));
            fits
        })?;
        if known > 0 || (kind & 0x0100 != 0 && asked == Some(id)) {
            return Ok(Facts::of(&PROTOCOL));
        }
        asked = Some(id);
    }
    Err(Stop::NeedMore)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::dissect::sample::{hex, join, tcp, udp};

    const REQUEST: &str = "0001 0000 2112a442 0102030405060708090a0b0c";

    fn answer() -> Vec<u8> {
        // 203.0.113.9:51413 masked.
        hex("0101 000c 2112a442 0102030405060708090a0b0c 0020 0008 0001 e9c7 ea12d54b")
    }

    #[test]
    fn a_binding_is_told_and_its_answer_names_the_mapped_address() {
        let flow = udp(40000, 3478).original(hex(REQUEST));
        flow.survives("STUN");
        assert!(flow.ask(&STUN).unwrap().pending);
        let facts = flow.reply(answer()).ask(&STUN).unwrap();
        let mapped = Endpoint { addr: "203.0.113.9".parse().unwrap(), port: 51413 };
        assert_eq!((&*facts.details, facts.pending), (&[Detail::StunMapped(mapped)][..], false));
        let mut damaged = answer();
        damaged[3] = 0x0d;
        udp(40000, 3478).reply(damaged).is_nobodys();
    }

    #[test]
    fn an_answer_tells_where_it_comes_from_and_where_else_to_ask() {
        let answer =
            hex("0101 0024 2112a442 0102030405060708090a0b0c 0020 0008 0001 e9c7 ea12d54b \
             802b 0008 0001 0d96 c0000201 802c 0008 0001 0d97 c0000202");
        let flow = udp(40000, 3478).original(hex(REQUEST)).reply(answer);
        let end = |addr: &str, port| Endpoint { addr: addr.parse().unwrap(), port };
        let expected = vec![
            Detail::StunMapped(end("203.0.113.9", 51413)),
            Detail::StunResponse(end("192.0.2.1", 3478)),
            Detail::StunOther(end("192.0.2.2", 3479)),
        ];
        assert_eq!(flow.ask(&STUN).unwrap().details, expected);
        flow.survives("STUN");
    }

    #[test]
    fn streams_may_have_a_length_in_front() {
        tcp(40000, 3478).reply(answer()).survives("STUN");
        tcp(40000, 3478).reply(join(&[&[0, 32], &answer()])).survives("STUN");
    }

    #[test]
    fn without_the_cookie_an_attribute_or_an_answer_is_asked_for() {
        let id = "11111111222222223333333344444444";
        let bare = hex(&format!("0001 0000 {id}"));
        udp(40000, 3478).original(&bare).is_nobodys();
        udp(40000, 3478).original(&bare).reply(hex(&format!("0101 0000 {id}"))).survives("STUN");
        let change = hex(&format!("0001 0008 {id} 0003 0004 00000006"));
        udp(40000, 3478).original(change).survives("STUN");
        let odd = hex(&format!("0001 0008 {id} 0003 0004 01000006"));
        udp(40000, 3478).original(odd).is_nobodys();
    }

    #[test]
    fn attributes_that_only_one_has_name_its_calls() {
        let id = "2112a442 0102030405060708090a0b0c";
        let teams = hex(&format!("0101 0014 {id} 8070 0004 00000002 0020 0008 0001 e9c7 ea12d54b"));
        udp(50000, 3478).reply(teams).survives_as("Skype/Teams/Call", "STUN");
        let token = "a7".repeat(16);
        let allocate = hex(&format!("0003 0014 {id} 4000 0010 {token}"));
        udp(50000, 3478).original(&allocate).survives("WhatsApp/Call");
        let answer = hex(&format!("0103 000c {id} 4002 0008 0000016b 8e034333"));
        udp(50000, 3478).reply(answer).survives("WhatsApp/Call");
        let binding = hex(&format!("0001 0014 {id} 4000 0010 {token}"));
        udp(50000, 3478).original(binding).survives("STUN");
        // Named by a later message.
        let plain = udp(50000, 3478).original(hex(REQUEST)).original(allocate);
        assert_eq!(plain.name(), Some("WhatsApp/Call"));
    }
}
