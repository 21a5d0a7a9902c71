//! SSDP (UPnP Device Architecture 2.0 section 1): HTTP-like datagrams, usually on port 1900.

use crate::bytes::{Reader, Stop};
use crate::dissect::sides::{contains_word, each};
use crate::dissect::{Dissector, Question};
use crate::facts::{Detail, Facts, Protocol, bounded_text};
use crate::net::Transport;
use crate::prefix::Prefix;

/// SSDP.
pub static PROTOCOL: Protocol =
    Protocol { id: 12, name: "SSDP", category: "infrastructure", ports: &[(Transport::Udp, 1900)] };

/// Searches, announcements and answers.
pub static SSDP: Dissector = Dissector {
    name: "ssdp",
    over: &[Transport::Udp],
    protocols: &[&PROTOCOL],
    question: Question::Facts(dissect),
    teach: None,
};

/// The head of a datagram in which headers are looked for.
const HEAD_MAX: usize = 1024;

fn dissect(prefix: &Prefix<'_>) -> Result<Facts, Stop> {
    each(prefix, |datagram| {
        let mut reader = Reader::datagram(datagram);
        match datagram.first() {
            Some(b'M') => reader.literal(b"M-SEARCH * HTTP/1.")?,
            Some(b'N') => reader.literal(b"NOTIFY * HTTP/1.")?,
            Some(b'H') => {
                // An answer: a search target or a unique service name makes it SSDP.
                reader.literal(b"HTTP/1.1 200")?;
                let head = datagram.get(..HEAD_MAX).unwrap_or(datagram);
                if !contains_word(head, b"\nST:") && !contains_word(head, b"\nUSN:") {
                    return Err(Stop::NotMine);
                }
            }
            _ => return Err(Stop::NotMine),
        }
        let mut facts = Facts::of(&PROTOCOL);
        while let Ok(header) = reader.until(b"\r\n") {
            let mut halves = header.splitn(2, |&byte| byte == b':');
            let name = halves.next().unwrap_or_default();
            if name.eq_ignore_ascii_case(b"user-agent") {
                let value = halves.next().unwrap_or_default().trim_ascii();
                facts.details.push(Detail::HttpUserAgent(bounded_text(value)));
                break;
            }
        }
        Ok(facts)
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::dissect::sample::udp;

    #[test]
    fn searches_announcements_and_answers_are_told() {
        let search = "M-SEARCH * HTTP/1.1\r\nHOST: 239.255.255.250:1900\r\nMAN: \"ssdp:discover\"\r\n\
            USER-AGENT: Example/1.0\r\n\r\n";
        let flow = udp(50000, 1900).towards("239.255.255.250").original(search);
        flow.survives("SSDP");
        let agent = Detail::HttpUserAgent("Example/1.0".into());
        assert_eq!(flow.ask(&SSDP).unwrap().details, [agent]);
        udp(1900, 1900).original("NOTIFY * HTTP/1.1\r\nNTS: ssdp:alive\r\n\r\n").survives("SSDP");
        udp(1900, 50000)
            .original("HTTP/1.1 200 OK\r\nST: upnp:rootdevice\r\n\r\n")
            .survives("SSDP");
        udp(1900, 50000).original("HTTP/1.1 200 OK\r\nServer: x\r\n\r\n").is_nobodys();
    }
}
