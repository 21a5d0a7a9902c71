//! EtherNet/IP: CIP in TCP and UDP (ODVA, CIP volume 2).

use crate::bytes::Stop;
use crate::dissect::sides::require;
use crate::dissect::{Dissector, Part, Question};
use crate::facts::Protocol;
use crate::net::Transport;

/// Its messages.
pub static PROTOCOL: Protocol = Protocol {
    id: 270,
    name: "EtherNet/IP",
    category: "infrastructure",
    ports: &[(Transport::Tcp, 44818), (Transport::Udp, 44818)],
};
/// Cyclic data of its connections.
pub static CIP: Protocol = Protocol {
    id: 50200,
    name: "CIP",
    category: "infrastructure",
    ports: &[(Transport::Udp, 2222)],
};

/// Its messages.
pub static ETHERNET_IP: Dissector = Dissector {
    name: "ethernet_ip",
    over: &[Transport::Tcp, Transport::Udp],
    protocols: &[&PROTOCOL, &CIP],
    // What is mostly zeros has such headers too.
    question: Question::WhichAt(&[44_818, 2_222], dissect),
    teach: None,
};

fn dissect(part: &mut Part<'_>) -> Result<&'static Protocol, Stop> {
    match part.bytes.first() {
        Some(2) if !part.is_stream() => cyclic(part).map(|()| &CIP),
        Some(0x04 | 0x63..=0x66 | 0x6f | 0x70 | 0x72 | 0x73) => {
            encapsulated(part).map(|()| &PROTOCOL)
        }
        Some(_) => Err(Stop::NotMine),
        None => Err(Stop::NeedMore),
    }
}

/// Section 2-3: a command (its second byte zero), the length of what follows the header, no
/// options, and one of seven statuses: 2^-11, 2^-16 in a datagram, 2^-61.
fn encapsulated(part: &mut Part<'_>) -> Result<(), Stop> {
    part.skip(1);
    part.literal(&[0])?;
    let length = usize::from(part.u16_le());
    part.skip(4); // session
    let status = part.u32_le();
    require(matches!(status, 0..=3 | 0x64 | 0x65 | 0x69))?;
    part.skip(8); // context of the sender
    part.literal(&[0; 4])?;
    require(part.is_stream() || length == part.len())
}

/// Section 3-2: two items, of which the first is an address of 8 bytes and the second is the data
/// that ends the datagram: 2^-64.
fn cyclic(part: &mut Part<'_>) -> Result<(), Stop> {
    part.literal(&[2, 0, 0x02, 0x80, 8, 0])?;
    part.skip(8); // connection, sequence
    part.literal(&[0xb1, 0])?;
    require(usize::from(part.u16_le()) == part.len())
}

#[cfg(test)]
mod tests {
    use crate::dissect::sample::{hex, tcp, udp};

    #[test]
    fn headers_are_mostly_fixed() {
        let register = hex("6500 0400 00000000 00000000 0000000000000000 00000000 0100 0000");
        tcp(40000, 44818).original(&register).survives("EtherNet/IP");
        let list = hex("6300 0000 00000000 00000000 0000000000000000 00000000");
        udp(40000, 44818).original(list).survives("EtherNet/IP");
        let data = hex("0200 0280 0800 787b3a00 e8cb5e04 b100 0400 03000000");
        udp(2222, 2222).original(data).survives("CIP");
        udp(40000, 44818).original(&register[..27]).is_nobodys();
    }
}
