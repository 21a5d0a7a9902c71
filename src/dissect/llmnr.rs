//! Link-local multicast name resolution (RFC 4795): a DNS message on port 5355.

use crate::bytes::{Reader, Stop};
use crate::dissect::dns::message::{self, Header};
use crate::dissect::sides::each;
use crate::dissect::{Dissector, Question};
use crate::facts::{Facts, Protocol, host_name};
use crate::net::Transport;
use crate::prefix::Prefix;

/// LLMNR.
pub static PROTOCOL: Protocol = Protocol {
    id: 154,
    name: "LLMNR",
    category: "infrastructure",
    ports: &[(Transport::Udp, PORT), (Transport::Tcp, PORT)],
};

/// Queries and responses.
pub static LLMNR: Dissector = Dissector {
    name: "llmnr",
    over: &[Transport::Udp, Transport::Tcp],
    protocols: &[&PROTOCOL],
    question: Question::Facts(dissect),
    teach: None,
};

const PORT: u16 = 5355;

fn dissect(prefix: &Prefix<'_>) -> Result<Facts, Stop> {
    if !prefix.has_port(PORT) {
        return Err(Stop::NotMine);
    }
    let stream = prefix.transport == Transport::Tcp;
    each(prefix, |part| {
        if !stream {
            return whole(part);
        }
        let mut reader = Reader::stream(part);
        let length = reader.u16()?;
        reader.take(length.into()).and_then(whole)
    })
}

fn whole(bytes: &[u8]) -> Result<Facts, Stop> {
    let header = Header::parse(bytes).ok_or(Stop::NotMine)?;
    let [questions, ..] = header.counts;
    // Section 2.1.1: opcode 0, exactly one question, which a response repeats.
    if header.opcode != 0 || questions != 1 || (!header.response && header.rcode != 0) {
        return Err(Stop::NotMine);
    }
    let question = message::question(bytes, &mut message::body(bytes))?;
    if question.class != 1 || question.name.bytes().is_empty() {
        return Err(Stop::NotMine);
    }
    Ok(Facts { host: host_name(question.name.bytes()), ..Facts::of(&PROTOCOL) })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::dissect::sample::{hex, join, udp};

    #[test]
    fn a_query_names_its_host() {
        let query =
            join(&[&hex("abcd 0000 0001 0000 0000 0000"), b"\x07Printer\0", &hex("00ff 0001")]);
        let flow = udp(50000, PORT).towards("224.0.0.252").original(&query);
        flow.survives("LLMNR");
        assert_eq!(flow.ask(&LLMNR).unwrap().host.as_deref(), Some("printer"));
        let mut damaged = query;
        damaged[12] = 0x09;
        udp(50000, PORT).original(damaged).is_nobodys();
    }
}
