//! LDP (RFC 5036) over UDP and TCP.

use crate::bytes::Stop;
use crate::dissect::sides::require;
use crate::dissect::{Dissector, Part, Question};
use crate::facts::Protocol;
use crate::net::Transport;

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
    // Lengths and small numbers alone are not evidence enough elsewhere.
    question: Question::PartAt(&[646], dissect),
    teach: None,
};

/// Section 3.5: version 1, the length, a router, label space zero, a known message that fits:
/// 2^-16, 2^-16 in a datagram and 2^-4 in a stream, 2^-16, 2^-12, 2^-4.
fn dissect(part: &mut Part<'_>) -> Result<(), Stop> {
    part.literal(&[0, 1])?;
    let length = usize::from(part.u16());
    require((14..=4096).contains(&length) && (part.is_stream() || length == part.len()))?;
    part.skip(4);
    part.literal(&[0, 0])?;
    let (kind, inner) = (part.u16(), usize::from(part.u16()));
    let known = matches!(
        kind,
        0x0001 | 0x0100 | 0x0200..=0x0202 | 0x0300 | 0x0301 | 0x0400..=0x0404
    );
    require(known && inner >= 4 && inner.saturating_add(10) <= length)
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
