//! Citrix ICA over TCP: the greeting of its servers, and of the common gateway (CGP) before it.

use crate::bytes::Stop;
use crate::dissect::{Dissector, Part, Question};
use crate::facts::Protocol;
use crate::net::Transport;

/// Citrix (IANA: ica, citrix-sessrel).
pub static PROTOCOL: Protocol = Protocol {
    id: 132,
    name: "Citrix",
    category: "remote-desktop",
    ports: &[(Transport::Tcp, 1494), (Transport::Tcp, 2598)],
};

/// Greetings.
pub static CITRIX: Dissector = Dissector {
    name: "citrix",
    over: &[Transport::Tcp],
    protocols: &[&PROTOCOL],
    question: Question::Part(dissect),
    teach: None,
};

/// Six bytes, 2^-48; or a byte and `CGP/01`, 2^-48.
fn dissect(part: &mut Part<'_>) -> Result<(), Stop> {
    if part.bytes.first() == Some(&0x1a) {
        part.skip(1);
        return part.literal(b"CGP/01");
    }
    part.literal(b"\x7f\x7fICA\0")
}

#[cfg(test)]
mod tests {
    use crate::dissect::sample::tcp;

    #[test]
    fn greetings_are_citrix() {
        tcp(40000, 1494).reply("\x7f\x7fICA\0\x7f\x7fICA\0").survives("Citrix");
        tcp(40000, 2598).original("\x1aCGP/01\x01\x02").survives("Citrix");
        tcp(40000, 1494).reply("\x7f\x7fICB\0").is_nobodys();
    }
}
