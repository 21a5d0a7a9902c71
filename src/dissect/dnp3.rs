//! DNP3 (IEEE 1815): telecontrol over TCP or UDP.

use crate::bytes::Stop;
use crate::dissect::crc::crc16_reversed;
use crate::dissect::sides::require;
use crate::dissect::{Dissector, Part, Question};
use crate::facts::Protocol;
use crate::net::Transport;

/// DNP3.
pub static PROTOCOL: Protocol = Protocol {
    id: 268,
    name: "DNP3",
    category: "infrastructure",
    ports: &[(Transport::Tcp, 20000), (Transport::Udp, 20000)],
};

/// Its messages.
pub static DNP3: Dissector = Dissector {
    name: "dnp3",
    over: &[Transport::Tcp, Transport::Udp],
    protocols: &[&PROTOCOL],
    question: Question::Part(dissect),
    teach: None,
};

/// Reversed polynomial of the checksum, section 9.2.4.6.
const POLYNOMIAL: u16 = 0xa6bc;

/// Section 9.2.4: start bytes, a length of at least 5, and the checksum of both and the addresses:
/// 2^-32.
fn dissect(part: &mut Part<'_>) -> Result<(), Stop> {
    part.literal(&[0x05, 0x64])?;
    let length = part.peek();
    part.skip(6);
    let sum = part.u16_le();
    let header = part.bytes.get(..8).unwrap_or_default();
    require(length.is_some_and(|length| length >= 5))?;
    require(sum == !crc16_reversed(header, POLYNOMIAL, 0))
}

#[cfg(test)]
mod tests {
    use crate::dissect::sample::{hex, tcp, udp};

    #[test]
    fn headers_carry_their_checksum() {
        let request = hex("056408c404000300b4b8 c0c10dd22d");
        tcp(40000, 20000).original(&request).survives("DNP3");
        udp(40000, 20000).original(&request).survives("DNP3");
        tcp(40000, 20000).original(hex("056408c404000300b4b9 c0c10dd22d")).is_nobodys();
    }
}
