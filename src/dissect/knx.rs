//! KNXnet/IP (ISO 22510): home and building control over UDP and TCP.

use crate::bytes::Stop;
use crate::dissect::sides::require;
use crate::dissect::{Dissector, Part, Question};
use crate::facts::Protocol;
use crate::net::Transport;

/// KNXnet/IP.
pub static PROTOCOL: Protocol = Protocol {
    id: 50204,
    name: "KNXnet/IP",
    category: "infrastructure",
    ports: &[(Transport::Tcp, 3671), (Transport::Udp, 3671)],
};

/// Its messages.
pub static KNX: Dissector = Dissector {
    name: "knx",
    over: &[Transport::Tcp, Transport::Udp],
    protocols: &[&PROTOCOL],
    question: Question::Part(dissect),
    teach: None,
};

/// Section 2.3.1: header size 6, version 1.0, a known service, and the total length: 2^-16, 2^-9,
/// 2^-16 in a datagram. A stream must show the next structure's length in it.
fn dissect(part: &mut Part<'_>) -> Result<(), Stop> {
    part.literal(&[6, 0x10])?;
    let service = part.u16();
    let known = matches!(
        service,
        0x0201..=0x020c | 0x0310..=0x0311 | 0x0420..=0x0425 | 0x0530..=0x0533 | 0x0740..=0x0743
            | 0x0950..=0x0955
    );
    let length = usize::from(part.u16());
    require(known && (7..=512).contains(&length))?;
    if part.is_stream() {
        // What follows begins with its own length: a connection header (4) or an endpoint (8).
        let structure = part.u8();
        return require(matches!(structure, 4 | 8) && length >= 10);
    }
    require(length == part.bytes.len())
}

#[cfg(test)]
mod tests {
    use crate::dissect::sample::{hex, tcp, udp};

    #[test]
    fn services_are_known_and_lengths_exact() {
        let search = hex("06100201000e 0801c0a80132a17f");
        udp(40000, 3671).original(&search).survives("KNXnet/IP");
        tcp(40000, 3671).original(hex("06100423000e 0401020306001087")).survives("KNXnet/IP");
        udp(40000, 3671).original(hex("06100201000d 0801c0a80132a17f")).is_nobodys();
        tcp(40000, 3671).original(hex("06100999000e 0401020306001087")).is_nobodys();
    }
}
