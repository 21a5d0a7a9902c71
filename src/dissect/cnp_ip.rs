//! CNP/IP (EIA-852, ISO 14908-4): LonTalk over UDP.

use crate::bytes::Stop;
use crate::dissect::sides::require;
use crate::dissect::{Dissector, Part, Question};
use crate::facts::Protocol;
use crate::net::Transport;

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
    question: Question::Part(dissect),
    teach: None,
};

/// Section 8: the datagram's length, version 1, a packet type, no extended header, no vendor's
/// code: 2^-16, 2^-8, 2^-4, 2^-8, 2^-16.
fn dissect(part: &mut Part<'_>) -> Result<(), Stop> {
    let (length, version, kind) = (usize::from(part.u16()), part.u8(), part.u8());
    require(length == part.bytes.len() && length >= 20 && version == 1)?;
    let known = matches!(kind, 0x01 | 0x03..=0x08 | 0x60..=0x66 | 0x70 | 0x71);
    require(known)?;
    let (extension, _flags) = (part.u8(), part.u8());
    require(extension == 0)?;
    part.literal(&[0, 0])
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
