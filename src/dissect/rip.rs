//! RIP (RFC 2453) and RIPng (RFC 2080) over UDP.

use crate::bytes::Stop;
use crate::dissect::sides::require;
use crate::dissect::{Dissector, Part, Question};
use crate::facts::Protocol;
use crate::net::Transport;

/// RIP.
pub static PROTOCOL: Protocol = Protocol {
    id: 50232,
    name: "RIP",
    category: "networking",
    ports: &[(Transport::Udp, 520), (Transport::Udp, 521)],
};

/// Its messages.
pub static RIP: Dissector = Dissector {
    name: "rip",
    over: &[Transport::Udp],
    protocols: &[&PROTOCOL],
    question: Question::Part(dissect),
    teach: None,
};

/// Section 4: a command, a version, zeros, and entries of 20 bytes that fill the datagram: 2^-7,
/// 2^-7, 2^-16, 2^-4; those of RIP are for IP or say that they authenticate (2^-15), those of RIPng
/// have a prefix of at most 128 bits and a metric (2^-5). Both on their port, which both ends use
/// to announce.
fn dissect(part: &mut Part<'_>) -> Result<(), Stop> {
    let (command, version) = (part.u8(), part.u8());
    require(matches!(command, 1 | 2) && matches!(version, 1 | 2))?;
    part.literal(&[0, 0])?;
    require(!part.is_empty() && part.len().is_multiple_of(20))?;
    if part.prefix.has_port(520) {
        let family = part.u16();
        return require(matches!((family, command), (2 | 0xffff, _) | (0, 1)));
    }
    part.skip(18);
    let (bits, metric) = (part.u8(), part.u8());
    let entry = bits <= 128 && matches!(metric, 1..=16 | 0xff);
    require(part.prefix.has_port(521) && entry)
}

#[cfg(test)]
mod tests {
    use crate::dissect::sample::{hex, udp};

    #[test]
    fn entries_fill_the_datagram() {
        let whole = hex("01010000 0000 0000 00000000 00000000 00000000 00000010");
        udp(520, 520).original(&whole).survives("RIP");
        udp(40000, 40001).original(&whole).is_nobodys();
        let next = hex("02010000 20010db8000000000000000000000000 0000 40 ff");
        udp(521, 521).original(&next).survives("RIP");
        udp(40000, 40001).original(next).is_nobodys();
        udp(520, 520).original(&whole[..23]).is_nobodys();
    }
}
