//! SNMP, LDAP and Kerberos: three protocols whose messages are BER of known shape (X.690).

use crate::bytes::{Reader, Stop};
use crate::dissect::inner::{Start, starttls};
use crate::dissect::sides::each;
use crate::dissect::{Dissector, Question};
use crate::facts::{Facts, Protocol};
use crate::net::Transport;
use crate::prefix::Prefix;

/// SNMP.
pub static SNMP: Protocol = Protocol {
    id: 14,
    name: "SNMP",
    category: "infrastructure",
    ports: &[(Transport::Udp, 161), (Transport::Udp, 162)],
};
/// LDAP, and its datagrams that find a domain controller.
pub static LDAP: Protocol = Protocol {
    id: 112,
    name: "LDAP",
    category: "authentication",
    ports: &[(Transport::Tcp, 389), (Transport::Udp, 389)],
};
/// Kerberos 5.
pub static KERBEROS: Protocol = Protocol {
    id: 111,
    name: "Kerberos",
    category: "authentication",
    ports: &[(Transport::Tcp, 88), (Transport::Udp, 88)],
};

/// All three.
pub static BER: Dissector = Dissector {
    name: "ber",
    over: &[Transport::Udp, Transport::Tcp],
    protocols: &[&SNMP, &LDAP, &KERBEROS],
    question: Question::Facts(dissect),
    teach: None,
};

const INTEGER: u8 = 0x02;
const OCTETS: u8 = 0x04;
const SEQUENCE: u8 = 0x30;

fn dissect(prefix: &Prefix<'_>) -> Result<Facts, Stop> {
    let stream = prefix.transport == Transport::Tcp;
    let facts = each(prefix, |part| {
        let mut reader = if stream { Reader::stream(part) } else { Reader::datagram(part) };
        let protocol = match reader.peek() {
            Some(SEQUENCE) if stream => ldap(&mut reader)?,
            Some(SEQUENCE) => {
                let mut again = reader;
                snmp(&mut reader).or_else(|_| ldap(&mut again))?
            }
            // RFC 4120 section 7.2.2: a length of four bytes in front.
            Some(0) if stream => {
                let length = usize::try_from(reader.u32()?).map_err(|_| Stop::NotMine)?;
                // Asked before the rest is waited for.
                if reader.peek().is_some_and(|tag| !is_kerberos(tag)) || length > 0x1_0000 {
                    return Err(Stop::NotMine);
                }
                kerberos(&mut reader, Some(length))?
            }
            Some(tag) if !stream && is_kerberos(tag) => kerberos(&mut reader, None)?,
            Some(_) => return Err(Stop::NotMine),
            None => return Err(Stop::NeedMore),
        };
        Ok(Facts::of(protocol))
    })?;
    if !stream || *facts.protocol != LDAP {
        return Ok(facts);
    }
    Ok(starttls(prefix, facts, &LDAP, prefix.both().map(behind_extended)))
}

/// Where TLS begins: behind an extended request, StartTLS if TLS follows it, and behind its answer
/// (RFC 4511 section 4.14).
fn behind_extended(side: &[u8]) -> Start {
    let mut reader = Reader::stream(side);
    let end = |reader: &mut Reader<'_>| {
        reader.literal(&[SEQUENCE])?;
        let length = length(reader)?;
        let end = side.len().saturating_sub(reader.len()).saturating_add(length);
        small(reader, INTEGER)?;
        if matches!(reader.u8()?, 0x77 | 0x78) { Ok(end) } else { Err(Stop::NotMine) }
    };
    match end(&mut reader) {
        Ok(end) => Start::of_tls(side, end),
        Err(Stop::NeedMore) => Start::Awaited,
        Err(_) => Start::Never,
    }
}

/// A length of X.690 section 8.1.3: definite, of at most four bytes.
fn length(reader: &mut Reader<'_>) -> Result<usize, Stop> {
    let first = reader.u8()?;
    let value = match first {
        0..=0x7f => u32::from(first),
        0x81 => reader.u8()?.into(),
        0x82 => reader.u16()?.into(),
        0x83 => reader.u24()?,
        0x84 => reader.u32()?,
        _ => return Err(Stop::NotMine),
    };
    usize::try_from(value).map_err(|_| Stop::NotMine)
}

/// The contents behind `tag`; `NotMine` if another tag stands here.
fn contents<'a>(reader: &mut Reader<'a>, tag: u8) -> Result<Reader<'a>, Stop> {
    if reader.u8()? != tag {
        return Err(Stop::NotMine);
    }
    let length = length(reader)?;
    reader.sub(length)
}

fn small(reader: &mut Reader<'_>, tag: u8) -> Result<u32, Stop> {
    let mut value = contents(reader, tag)?;
    let (mut number, length) = (0u32, value.len());
    if !(1..=4).contains(&length) {
        return Err(Stop::NotMine);
    }
    for _ in 0..length {
        number = number << 8 | u32::from(value.u8()?);
    }
    Ok(number)
}

/// RFC 1157 section 4, RFC 3416 section 3, RFC 3412 section 6: a sequence that fills the datagram,
/// the version, then a community and a PDU, or the header of version 3.
fn snmp(reader: &mut Reader<'_>) -> Result<&'static Protocol, Stop> {
    let mut message = contents(reader, SEQUENCE)?;
    if !reader.is_empty() {
        return Err(Stop::NotMine);
    }
    match small(&mut message, INTEGER)? {
        0 | 1 => {
            contents(&mut message, OCTETS)?;
            let tag = message.peek().ok_or(Stop::NotMine)?;
            let mut body = contents(&mut message, tag)?;
            if !(0xa0..=0xa8).contains(&tag) || !message.is_empty() {
                return Err(Stop::NotMine);
            }
            // A trap of version 1 starts with an object identifier.
            if tag == 0xa4 {
                contents(&mut body, 0x06).map(drop)?
            } else {
                small(&mut body, INTEGER).map(drop)?
            }
            Ok(&SNMP)
        }
        3 => {
            let mut header = contents(&mut message, SEQUENCE)?;
            small(&mut header, INTEGER)?;
            small(&mut header, INTEGER)?;
            contents(&mut header, OCTETS)?;
            small(&mut header, INTEGER)?;
            Ok(&SNMP)
        }
        _ => Err(Stop::NotMine),
    }
}

/// RFC 4511 section 4.1.1: a message id, then a bind of version 2 or 3 or its answer, a search of
/// sane scope, or an extended request with a name.
fn ldap(reader: &mut Reader<'_>) -> Result<&'static Protocol, Stop> {
    if reader.u8()? != SEQUENCE {
        return Err(Stop::NotMine);
    }
    let length = length(reader)?;
    if !(7..=0x10_0000).contains(&length) {
        return Err(Stop::NotMine);
    }
    small(reader, INTEGER)?;
    let tag = reader.u8()?;
    let body = self::length(reader)?;
    if body > length {
        return Err(Stop::NotMine);
    }
    match tag {
        0x60 => {
            if !matches!(small(reader, INTEGER)?, 2 | 3) || reader.u8()? != OCTETS {
                return Err(Stop::NotMine);
            }
        }
        0x61 | 0x65 | 0x78 => {
            if small(reader, 0x0a)? > 123 || reader.u8()? != OCTETS {
                return Err(Stop::NotMine);
            }
        }
        0x63 => {
            contents(reader, OCTETS)?;
            if small(reader, 0x0a)? > 3 || small(reader, 0x0a)? > 3 {
                return Err(Stop::NotMine);
            }
            small(reader, INTEGER)?;
        }
        0x77 => {
            if !contents(reader, 0x80)?.rest().starts_with(b"1.") {
                return Err(Stop::NotMine);
            }
        }
        _ => return Err(Stop::NotMine),
    }
    Ok(&LDAP)
}

/// Application tags 10 to 15 and 30 (RFC 4120 section 5.10).
const fn is_kerberos(tag: u8) -> bool {
    matches!(tag, 0x6a..=0x6f | 0x7e)
}

/// Version 5 and the message type that the outer tag says (RFC 4120 section 5.4.1): 2^-56.
fn kerberos(reader: &mut Reader<'_>, framed: Option<usize>) -> Result<&'static Protocol, Stop> {
    let before = reader.len();
    let tag = reader.u8()?;
    if !is_kerberos(tag) {
        return Err(Stop::NotMine);
    }
    let outer = length(reader)?;
    let header = before.saturating_sub(reader.len());
    let whole = outer.saturating_add(header);
    if framed.map_or(whole > before, |framed| framed != whole) || reader.u8()? != SEQUENCE {
        return Err(Stop::NotMine);
    }
    length(reader)?;
    // Requests number their fields from 1, answers and errors from 0.
    let field = reader.u8()?;
    let inner = length(reader)?;
    let version = small(reader, INTEGER)?;
    let kind = (reader.u8()?, length(reader)?, small(reader, INTEGER)?);
    let expected = u32::from(tag & 0x1f);
    if matches!(field, 0xa0 | 0xa1)
        && inner == 3
        && version == 5
        && kind == (field.saturating_add(1), 3, expected)
    {
        Ok(&KERBEROS)
    } else {
        Err(Stop::NotMine)
    }
}

#[cfg(test)]
mod tests {
    use crate::dissect::sample::{hex, join, tcp, udp};

    #[test]
    fn snmp_fills_its_datagram() {
        let get = hex(
            "3026 020101 0406 7075626c6963 a019 020101 020100 020100 300e 300c 0608 2b06010201010500 0500",
        );
        udp(40000, 161).original(&get).survives("SNMP");
        udp(40000, 161).original(join(&[&get, b"x"])).is_nobodys();
        let v3 = hex("3016 020103 3011 02047fffffff 0203 00ffe3 040104 020103");
        udp(40000, 161).original(&v3).survives("SNMP");
    }

    #[test]
    fn ldap_binds_and_searches() {
        let bind = hex("300c 020101 6007 020103 0400 8000");
        tcp(40000, 389).original(&bind).survives("LDAP");
        tcp(389, 40000).original(hex("300c 020101 6107 0a0100 0400 0400")).survives("LDAP");
        let mut damaged = bind;
        damaged[1] = 0x03;
        tcp(40000, 389).original(damaged).is_nobodys();
        let rootdse = hex(
            "3025 020101 6320 0400 0a0100 0a0100 020100 020100 010100 870b6f626a656374436c617373 3000",
        );
        udp(40000, 389).original(rootdse).survives("LDAP");
    }

    #[test]
    fn kerberos_says_its_version_twice() {
        let request = hex("6a0e 300c a103 020105 a203 02010a a300");
        udp(40000, 88).original(&request).survives("Kerberos");
        tcp(40000, 88).original(join(&[&[0, 0, 0, 16], &request])).survives("Kerberos");
        tcp(40000, 88).original(join(&[&[0, 0, 0, 17], &request])).is_nobodys();
        udp(88, 40000).original(hex("7e0e 300c a003 020105 a103 02011e a400")).survives("Kerberos");
    }
}
