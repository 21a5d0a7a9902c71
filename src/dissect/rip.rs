//! RIP (RFC 2453) and RIPng (RFC 2080) over UDP.

use crate::bytes::{Reader, Stop};
use crate::dissect::Dissector;
use crate::dissect::sides::{each, require};
use crate::facts::{Facts, Protocol};
use crate::net::Transport;
use crate::prefix::Prefix;

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
    dissect,
    teach: None,
};

/// Section 4: a command, a version, zeros, and entries of 20 bytes that fill the datagram: 2^-7,
/// 2^-7, 2^-16, 2^-4; those of RIP are for IP or say that they authenticate (2^-15), those of RIPng
/// have a prefix of at most 128 bits and a metric (2^-5). Both on their port, which both ends use
/// to announce.
fn dissect(prefix: &Prefix<'_>) -> Result<Facts, Stop> {
    each(prefix, |datagram| {
        let mut reader = Reader::datagram(datagram);
        let (command, version) = (reader.u8()?, reader.u8()?);
        require(matches!(command, 1 | 2) && matches!(version, 1 | 2))?;
        reader.literal(&[0, 0])?;
        require(!reader.is_empty() && reader.len().is_multiple_of(20))?;
        if prefix.has_port(520) {
            let family = reader.u16()?;
            return require(matches!((family, command), (2 | 0xffff, _) | (0, 1)));
        }
        reader.skip(18)?;
        let (bits, metric) = (reader.u8()?, reader.u8()?);
        let entry = bits <= 128 && matches!(metric, 1..=16 | 0xff);
        require(prefix.has_port(521) && entry)
    })
    .map(|()| Facts::of(&PROTOCOL))
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
