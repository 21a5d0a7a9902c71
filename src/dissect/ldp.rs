//! LDP (RFC 5036) over UDP and TCP.

use crate::bytes::Stop;
use crate::dissect::Dissector;
use crate::dissect::sides::{each, reader, require};
use crate::facts::{Facts, Protocol};
use crate::net::Transport;
use crate::prefix::Prefix;

/// LDP.
pub static PROTOCOL: Protocol = Protocol {
    id: 50218,
    name: "LDP",
    category: "networking",
    ports: &[(Transport::Udp, 646), (Transport::Tcp, 646)],
};

/// Its messages.
pub static LDP: Dissector = Dissector {
    name: "ldp",
    over: &[Transport::Tcp, Transport::Udp],
    protocols: &[&PROTOCOL],
    dissect,
    teach: None,
};

/// Section 3.5: version 1, the length, a router, label space zero, a known message that fits:
/// 2^-16, 2^-16 in a datagram and 2^-4 in a stream, 2^-16, 2^-12, 2^-4.
fn dissect(prefix: &Prefix<'_>) -> Result<Facts, Stop> {
    // Lengths and small numbers alone are not evidence enough elsewhere.
    require(prefix.has_port(646))?;
    each(prefix, |part| {
        let mut reader = reader(prefix.transport, part);
        reader.literal(&[0, 1])?;
        let length = usize::from(reader.u16()?);
        let stream = prefix.transport == Transport::Tcp;
        require((14..=4096).contains(&length) && (stream || length == reader.len()))?;
        reader.skip(4)?;
        reader.literal(&[0, 0])?;
        let (kind, inner) = (reader.u16()?, usize::from(reader.u16()?));
        let known = matches!(
            kind,
            0x0001 | 0x0100 | 0x0200..=0x0202 | 0x0300 | 0x0301 | 0x0400..=0x0404
        );
        require(known && inner >= 4 && inner.saturating_add(10) <= length)
    })
    .map(|()| Facts::of(&PROTOCOL))
}

#[cfg(test)]
mod tests {
    use crate::dissect::sample::{hex, tcp, udp};

    #[test]
    fn messages_fit_their_unit() {
        let hello =
            hex("0001001e 0a000006 0000 0100 0014 00000000 0400 0004 000f0000 0401 0004 0a000006");
        udp(646, 646).original(&hello).survives("LDP");
        tcp(40000, 646).original(&hello).survives("LDP");
        udp(646, 646).original(hex("0001001e 0a000006 0001 0100 0014 00000000")).is_nobodys();
    }
}
