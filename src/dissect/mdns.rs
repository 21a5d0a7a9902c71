//! Multicast DNS (RFC 6762): port 5353, to a group or (section 5.5, 6.7) to one address.

use crate::bytes::Stop;
use crate::dissect::dns::message::{self, Header};
use crate::dissect::sides::each;
use crate::dissect::{Dissector, Question};
use crate::facts::{Detail, Facts, Protocol, bounded_text};
use crate::net::Transport;
use crate::prefix::Prefix;

/// Multicast DNS.
pub static PROTOCOL: Protocol =
    Protocol { id: 8, name: "MDNS", category: "infrastructure", ports: &[(Transport::Udp, 5353)] };

/// Questions and announcements, with the first name in them.
pub static MDNS: Dissector = Dissector {
    name: "mdns",
    over: &[Transport::Udp],
    protocols: &[&PROTOCOL],
    question: Question::Facts(dissect),
    teach: None,
};

/// The top bit of a class asks for a unicast answer or flushes a cache (sections 5.4, 10.2).
const CLASS_BITS: u16 = 0x7fff;
const PORT: u16 = 5353;

fn dissect(prefix: &Prefix<'_>) -> Result<Facts, Stop> {
    if !prefix.has_port(PORT) {
        return Err(Stop::NotMine);
    }
    each(prefix, |datagram| {
        let mut facts = Facts::of(&PROTOCOL);
        let name = first_name(datagram)?;
        if !name.bytes().is_empty() {
            facts.details.push(Detail::MdnsName(bounded_text(name.bytes())));
        }
        Ok(facts)
    })
}

/// The first question's name, else the first record's.
fn first_name(datagram: &[u8]) -> Result<message::Name, Stop> {
    let header = Header::parse(datagram).ok_or(Stop::NotMine)?;
    let [questions, answers, ..] = header.counts;
    // Sections 18.3 and 18.11: opcode and rcode are 0. An answer may repeat no question.
    if header.opcode != 0 || header.rcode != 0 || (!header.response && questions == 0) {
        return Err(Stop::NotMine);
    }
    if header.response && answers == 0 && header.records() == 0 {
        return Err(Stop::NotMine);
    }
    let mut reader = message::body(datagram);
    let (name, kind, class) = if questions > 0 {
        let question = message::question(datagram, &mut reader)?;
        (question.name, question.kind, question.class)
    } else {
        let record = message::record(datagram, &mut reader)?;
        (record.name, record.kind, record.class)
    };
    let known = kind == 41 || message::is_known_class(class & CLASS_BITS);
    if kind != 0 && known { Ok(name) } else { Err(Stop::NotMine) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::dissect::sample::{hex, join, udp};

    #[test]
    fn questions_and_announcements_name_a_service() {
        let question = join(&[
            &hex("0000 0000 0001 0000 0000 0000"),
            b"\x05_ipps\x04_tcp\x05local\0",
            &hex("000c 8001"),
        ]);
        let flow = udp(5353, 5353).towards("224.0.0.251").original(question);
        flow.survives("MDNS");
        assert_eq!(flow.ask(&MDNS).unwrap().details, [Detail::MdnsName("_ipps._tcp.local".into())]);
        let record = join(&[
            &hex("0000 8400 0000 0001 0000 0000"),
            b"\x03tv1\x05local\0",
            &hex("0001 8001 00000078 0004 c0a80109"),
        ]);
        udp(5353, 5353).towards("ff02::fb").original(&record).survives("MDNS");
        udp(40000, 5353).reply(&record).survives("MDNS");
        let mut damaged = record;
        damaged[12] = 0x43; // a label of 67 bytes
        udp(5353, 5353).original(damaged).is_nobodys();
    }
}
