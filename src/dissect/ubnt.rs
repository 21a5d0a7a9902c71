//! The discovery of Ubiquiti devices over UDP.

use crate::bytes::Stop;
use crate::dissect::sides::require;
use crate::dissect::{Dissector, Part, Question};
use crate::facts::Protocol;
use crate::net::Transport;

/// It.
pub static PROTOCOL: Protocol =
    Protocol { id: 31, name: "UBNTAC2", category: "infrastructure", ports: &[] };

/// Its messages.
pub static UBNT: Dissector = Dissector {
    name: "ubnt",
    over: &[Transport::Udp],
    protocols: &[&PROTOCOL],
    question: Question::Part(dissect),
    teach: None,
};

/// The port of the discovery; not registered for it.
const PORT: u16 = 10001;

/// Version 1 or 2, a command, the length of fields that fill the datagram exactly: 2^-7, 2^-3,
/// 2^-16, and 2^-6 for each field. A question has none and counts on its port.
fn dissect(part: &mut Part<'_>) -> Result<(), Stop> {
    let (version, command, length) = (part.u8(), part.u8(), usize::from(part.u16()));
    require(matches!(version, 1 | 2) && command <= 0x0c && length == part.len())?;
    let mut fields = 0usize;
    while !part.is_empty() {
        let (kind, length) = (part.u8(), usize::from(part.u16()));
        require(kind != 0 && kind < 0x40)?;
        part.skip(length);
        fields = fields.saturating_add(1);
    }
    require(fields >= 2 || (fields == 0 && part.prefix.has_port(PORT)))
}

#[cfg(test)]
mod tests {
    use crate::dissect::sample::{hex, udp};

    #[test]
    fn fields_fill_the_answer() {
        let answer = hex("0100 0014 02000a 0418d6010203 c0a80114 0b0004 75626e74");
        udp(10001, 40000).original(&answer).survives("UBNTAC2");
        udp(40000, 10001).original(hex("01000000")).survives("UBNTAC2");
        udp(40000, 40001).original(hex("01000000")).is_nobodys();
    }
}
