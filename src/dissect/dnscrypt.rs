//! DNSCrypt (draft-denis-dprive-dnscrypt): the request for a resolver's certificate, which is a
//! DNS message in clear, and encrypted answers. A hello of its own it does not have.

use super::dns::message::HEADER_BYTES;
use crate::bytes::{Stop, be_u16_at};
use crate::dissect::{Dissector, Part, Question};
use crate::facts::Protocol;
use crate::net::Transport;

/// DNSCrypt.
pub static PROTOCOL: Protocol =
    Protocol { id: 269, name: "DNSCrypt", category: "infrastructure", ports: &[] };

/// Certificate requests and encrypted answers.
pub static DNSCRYPT: Dissector = Dissector {
    name: "dnscrypt",
    over: &[Transport::Udp, Transport::Tcp],
    protocols: &[&PROTOCOL],
    question: Question::Part(dissect),
    teach: None,
};

/// First labels of the name under which a resolver's certificate stands: the protocol's version
/// and a word. 16 bytes, and a header with one question before them.
const CERTIFICATE: &[u8] = b"\x012\x0ddnscrypt-cert";
/// What every encrypted answer starts with.
const ANSWER: &[u8; 8] = b"r6fnvWj8";

/// The flow's second half, if its queries were not understood, is an answer.
fn dissect(part: &mut Part<'_>) -> Result<(), Stop> {
    let message = match part.prefix.transport {
        Transport::Udp => part.bytes,
        _ => part.bytes.get(2..).ok_or(Stop::NeedMore)?, // a length, as in DNS
    };
    let asks = be_u16_at(message, 4) == 1
        && message.get(HEADER_BYTES..).is_some_and(|name| name.starts_with(CERTIFICATE));
    if asks || message.starts_with(ANSWER) {
        return Ok(());
    }
    let short = part.is_stream()
        && message.len() < HEADER_BYTES + CERTIFICATE.len()
        && (be_u16_at(message, 4) == 1 || ANSWER.starts_with(message));
    Err(if short { Stop::NeedMore } else { Stop::NotMine })
}

#[cfg(test)]
mod tests {
    use crate::dissect::sample::{join, tcp, udp};

    const HEADER: &[u8] = b"\x12\x34\x01\0\0\x01\0\0\0\0\0\0";

    #[test]
    fn certificate_requests_and_answers_are_told() {
        let question = b"\x012\x0ddnscrypt-cert\x07example\x03org\0\0\x10\0\x01";
        let request = join(&[HEADER, question]);
        udp(40000, 443).original(&request).survives_as("DNSCrypt", "DNS");
        udp(40000, 53).original(&request).survives_as("DNSCrypt", "DNS");
        let length = u8::try_from(request.len()).unwrap();
        tcp(40000, 443).original(join(&[&[0, length], &request])).survives_as("DNSCrypt", "DNS");
        let answer = join(&[b"r6fnvWj8", &[7; 120]]);
        udp(40000, 443).original([9; 512]).reply(&answer).survives_as("DNSCrypt", "DNS");
        tcp(40000, 443).reply(join(&[&[0, 128], &answer])).survives_as("DNSCrypt", "DNS");
    }

    #[test]
    fn other_names_are_plain_dns() {
        let plain = join(&[HEADER, b"\x012\x0bdnscrypt-ce\x03org\0\0\x10\0\x01"]);
        udp(40000, 53).original(plain).survives("DNS");
        udp(40000, 443).original([9; 512]).is_nobodys();
    }
}
