//! Rx, the remote calls of AFS, over UDP.

use crate::bytes::{Reader, Stop};
use crate::dissect::sides::require;
use crate::dissect::{Dissector, Question};
use crate::facts::Protocol;
use crate::net::{Direction, Transport};
use crate::prefix::Prefix;

/// Rx.
pub static PROTOCOL: Protocol = Protocol {
    id: 223,
    name: "RX",
    category: "file-server",
    ports: &[
        (Transport::Udp, 7000),
        (Transport::Udp, 7001),
        (Transport::Udp, 7002),
        (Transport::Udp, 7003),
    ],
};

/// The flag of packets of the side that began the connection.
const CLIENT_INITIATED: u8 = 1;

/// Its messages.
pub static RX: Dissector = Dissector {
    name: "rx",
    over: &[Transport::Udp],
    protocols: &[&PROTOCOL],
    question: Question::Flow(dissect),
    teach: None,
};

/// The AFS-3 Rx specification's header of 28 bytes. Two packets of one connection must agree in its
/// epoch and id (2^-64), and each has numbers below 2^24 and a known type (2^-28 each). The flag of the
/// side that began the connection is set one way only.
fn dissect(prefix: &Prefix<'_>) -> Result<(), Stop> {
    let mut before = None;
    for datagram in prefix.datagrams() {
        let mut reader = Reader::datagram(datagram.bytes);
        let (epoch, connection) = (reader.u32()?, reader.u32()?);
        let (call, sequence, serial) = (reader.u32()?, reader.u32()?, reader.u32()?);
        let (kind, flags, _status, security) =
            (reader.u8()?, reader.u8()?, reader.u8()?, reader.u8()?);
        let (_checksum, service) = (reader.u16()?, reader.u16()?);
        let small = call < 0x100_0000 && sequence < 0x100_0000 && serial < 0x100_0000;
        require(small && serial != 0 && matches!(kind, 1..=13) && security <= 5)?;
        require(epoch != 0 && connection != 0)?;
        // The last two bits of an id count its channels.
        let by_initiator =
            (flags & CLIENT_INITIATED != 0) == (datagram.direction == Direction::Original);
        let this = (epoch, connection >> 2, service, by_initiator);
        match before {
            Some(other) if other == this => return Ok(()),
            Some(_) => return Err(Stop::NotMine),
            None => before = Some(this),
        }
    }
    Err(Stop::NeedMore)
}

#[cfg(test)]
mod tests {
    use crate::dissect::sample::{hex, udp};

    #[test]
    fn two_packets_agree_in_their_connection() {
        let data = hex("570fb560 5c3fc988 00000001 00000001 00000001 01050000 00000049 000001f8");
        let answer = hex("570fb560 5c3fc988 00000001 00000001 00000001 01040000 00000049 00000001");
        udp(40000, 7002).original(&data).reply(&answer).survives("RX");
        udp(40000, 7002).original(&data).last_call().is_nobodys();
    }
}
