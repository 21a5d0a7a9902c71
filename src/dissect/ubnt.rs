//! The discovery of Ubiquiti devices over UDP.

use crate::bytes::{Reader, Stop};
use crate::dissect::Dissector;
use crate::dissect::sides::{each, require};
use crate::facts::{Facts, Protocol};
use crate::net::Transport;
use crate::prefix::Prefix;

/// It.
pub static PROTOCOL: Protocol =
    Protocol { id: 31, name: "UBNTAC2", category: "infrastructure", ports: &[] };

/// Its messages.
pub static UBNT: Dissector = Dissector {
    name: "ubnt",
    over: &[Transport::Udp],
    protocols: &[&PROTOCOL],
    dissect,
    teach: None,
};

/// The port of the discovery; not registered for it.
const PORT: u16 = 10001;

/// Version 1 or 2, a command, the length of fields that fill the datagram exactly: 2^-7, 2^-3,
/// 2^-16, and 2^-6 for each field. A question has none and counts on its port.
fn dissect(prefix: &Prefix<'_>) -> Result<Facts, Stop> {
    each(prefix, |datagram| {
        let mut reader = Reader::datagram(datagram);
        let (version, command, length) = (reader.u8()?, reader.u8()?, usize::from(reader.u16()?));
        require(matches!(version, 1 | 2) && command <= 0x0c && length == reader.len())?;
        let mut fields = 0usize;
        while !reader.is_empty() {
            let (kind, length) = (reader.u8()?, usize::from(reader.u16()?));
            require(kind != 0 && kind < 0x40)?;
            reader.skip(length)?;
            fields = fields.saturating_add(1);
        }
        require(fields >= 2 || (fields == 0 && prefix.has_port(PORT)))
    })
    .map(|()| Facts::of(&PROTOCOL))
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
