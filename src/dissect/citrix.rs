//! Citrix ICA over TCP: the greeting of its servers, and of the common gateway (CGP) before it.

use crate::bytes::{Reader, Stop};
use crate::dissect::Dissector;
use crate::dissect::sides::each;
use crate::facts::{Facts, Protocol};
use crate::net::Transport;
use crate::prefix::Prefix;

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
    dissect,
    teach: None,
};

/// Six bytes, 2^-48; or a byte and `CGP/01`, 2^-48.
fn dissect(prefix: &Prefix<'_>) -> Result<Facts, Stop> {
    each(prefix, |side| {
        let mut reader = Reader::stream(side);
        if side.first() == Some(&0x1a) {
            reader.skip(1)?;
            return reader.literal(b"CGP/01").map(|()| Facts::of(&PROTOCOL));
        }
        reader.literal(b"\x7f\x7fICA\0").map(|()| Facts::of(&PROTOCOL))
    })
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
