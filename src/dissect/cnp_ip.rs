//! CNP/IP (EIA-852, ISO 14908-4): LonTalk over UDP.

use crate::bytes::{Reader, Stop};
use crate::dissect::Dissector;
use crate::dissect::sides::{each, require};
use crate::facts::{Facts, Protocol};
use crate::net::Transport;
use crate::prefix::Prefix;

/// CNP/IP.
pub static PROTOCOL: Protocol = Protocol {
    id: 50208,
    name: "CNP-IP",
    category: "infrastructure",
    ports: &[(Transport::Udp, 1628), (Transport::Udp, 1629)],
};

/// Its messages.
pub static CNP_IP: Dissector = Dissector {
    name: "cnp_ip",
    over: &[Transport::Udp],
    protocols: &[&PROTOCOL],
    dissect,
    teach: None,
};

/// Section 8: the datagram's length, version 1, a packet type, no extended header, no vendor's
/// code: 2^-16, 2^-8, 2^-4, 2^-8, 2^-16.
fn dissect(prefix: &Prefix<'_>) -> Result<Facts, Stop> {
    each(prefix, |datagram| {
        let mut reader = Reader::datagram(datagram);
        let (length, version, kind) = (usize::from(reader.u16()?), reader.u8()?, reader.u8()?);
        require(length == datagram.len() && length >= 20 && version == 1)?;
        let known = matches!(kind, 0x01 | 0x03..=0x08 | 0x60..=0x66 | 0x70 | 0x71);
        require(known)?;
        let (extension, _flags) = (reader.u8()?, reader.u8()?);
        require(extension == 0)?;
        reader.literal(&[0, 0])
    })
    .map(|()| Facts::of(&PROTOCOL))
}

#[cfg(test)]
mod tests {
    use crate::dissect::sample::{hex, udp};

    #[test]
    fn lengths_are_exact() {
        let data = hex("001c0101 00000000 6b8b4567 00000001 00000000 0901a901aa012300");
        udp(40000, 1628).original(data).survives("CNP-IP");
        let damaged = hex("001d0101 00000000 6b8b4567 00000001 00000000 0901a901aa012300");
        udp(40000, 1628).original(damaged).is_nobodys();
    }
}
