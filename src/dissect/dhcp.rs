//! DHCP (RFC 2131, options RFC 2132) and DHCPv6 (RFC 8415).

use std::fmt::Write;

use crate::bytes::{Reader, Stop, be_u32_at};
use crate::dissect::sides::each;
use crate::dissect::{Dissector, Question};
use crate::facts::{Detail, Facts, Protocol, bounded_text};
use crate::net::Transport;
use crate::prefix::Prefix;

/// DHCP, and BOOTP below it.
pub static PROTOCOL: Protocol = Protocol {
    id: 18,
    name: "DHCP",
    category: "infrastructure",
    ports: &[(Transport::Udp, 67), (Transport::Udp, 68)],
};

/// DHCP for IPv6.
pub static PROTOCOL_V6: Protocol = Protocol {
    id: 103,
    name: "DHCPv6",
    category: "infrastructure",
    ports: &[(Transport::Udp, 546), (Transport::Udp, 547)],
};

/// Both versions, with class and fingerprint of a client.
pub static DHCP: Dissector = Dissector {
    name: "dhcp",
    over: &[Transport::Udp],
    protocols: &[&PROTOCOL, &PROTOCOL_V6],
    question: Question::Facts(dissect),
    teach: None,
};

/// RFC 2131 section 3: the cookie stands behind 236 fixed bytes.
const COOKIE_AT: usize = 236;
const COOKIE: u32 = 0x6382_5363;
const PAD: u8 = 0;
const PARAMETERS: u8 = 55;
const CLASS: u8 = 60;
const END: u8 = 255;
/// Options read in one message: each has at least two bytes, and a message fits a frame.
const OPTIONS_MAX: usize = 256;

fn dissect(prefix: &Prefix<'_>) -> Result<Facts, Stop> {
    if prefix.has_port(546) || prefix.has_port(547) {
        return each(prefix, |datagram| v6(datagram).map(|()| Facts::of(&PROTOCOL_V6)));
    }
    each(prefix, v4)
}

/// `op` 1 or 2, a hardware address of at most 16 bytes, and the cookie: 2^-40 wherever it stands.
fn v4(datagram: &[u8]) -> Result<Facts, Stop> {
    let mut reader = Reader::datagram(datagram);
    let (op, _hardware, length) = (reader.u8()?, reader.u8()?, reader.u8()?);
    if !(1..=2).contains(&op) || length > 16 || be_u32_at(datagram, COOKIE_AT) != COOKIE {
        return Err(Stop::NotMine);
    }
    let mut options = Reader::inner(datagram.get(COOKIE_AT..).unwrap_or_default());
    options.skip(4)?;
    let mut facts = Facts::of(&PROTOCOL);
    for _ in 0..OPTIONS_MAX {
        // A cut or damaged option ends the reading; the cookie has settled what it is.
        match options.u8() {
            Ok(PAD) => continue,
            Ok(END) | Err(_) => break,
            Ok(option) => {
                let Ok(value) = options.sub_u8() else { break };
                match option {
                    CLASS => facts.details.push(Detail::DhcpClass(bounded_text(value.rest()))),
                    PARAMETERS => {
                        facts.details.push(Detail::DhcpFingerprint(fingerprint(value.rest())));
                    }
                    _ => {}
                }
            }
        }
        if facts.details.len() >= 2 {
            break;
        }
    }
    Ok(facts)
}

/// Up to 255 numbers as decimal text, as fingerprint lists write them.
fn fingerprint(parameters: &[u8]) -> Box<str> {
    let mut text = String::new();
    for (position, parameter) in parameters.iter().enumerate() {
        let comma = if position == 0 { "" } else { "," };
        // Writing to a String does not fail.
        let _ = write!(text, "{comma}{parameter}");
    }
    text.into_boxed_str()
}

/// RFC 8415 sections 8 and 9: a known type, then options to the very end.
fn v6(datagram: &[u8]) -> Result<(), Stop> {
    let mut reader = Reader::datagram(datagram);
    match reader.u8()? {
        1..=11 | 14..=36 => reader.skip(3)?,
        12 | 13 => reader.skip(33)?, // relayed: hops, link and peer address
        _ => return Err(Stop::NotMine),
    }
    for _ in 0..OPTIONS_MAX {
        if reader.is_empty() {
            return Ok(());
        }
        let code = reader.u16()?;
        if code == 0 {
            return Err(Stop::NotMine);
        }
        reader.sub_u16()?;
    }
    Err(Stop::NotMine)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::dissect::sample::{hex, join, udp};

    fn discover(options: &[u8]) -> Vec<u8> {
        join(&[&hex("01 01 06 00 deadbeef"), &[0; 228], &hex("63825363"), options])
    }

    #[test]
    fn a_client_shows_its_class_and_fingerprint() {
        let options = join(&[&hex("350101 3c 08"), b"MSFT 5.0", &hex("37 03 01 03 f9 00 ff")]);
        let flow = udp(68, 67).original(discover(&options));
        flow.survives("DHCP");
        let details = flow.ask(&DHCP).unwrap().details;
        let fingerprint = Detail::DhcpFingerprint("1,3,249".into());
        assert_eq!(details, [Detail::DhcpClass("MSFT 5.0".into()), fingerprint]);
        // An option longer than what is left: what stands before it counts.
        let damaged = udp(68, 67).original(discover(&hex("37 02 01 03 3c ff 41")));
        assert_eq!(damaged.ask(&DHCP).unwrap().details, [Detail::DhcpFingerprint("1,3".into())]);
        udp(68, 67).original(&discover(b"")[..236]).is_nobodys();
    }

    #[test]
    fn version_6_ends_with_its_last_option() {
        let solicit = hex("01 123456 0001 000a 00030001 001122334455 0008 0002 0000");
        udp(546, 547).towards("ff02::1:2").original(&solicit).survives("DHCPv6");
        udp(546, 547).original(&solicit[..solicit.len() - 1]).is_nobodys();
        udp(40000, 40001).original(&solicit).is_nobodys();
    }
}
