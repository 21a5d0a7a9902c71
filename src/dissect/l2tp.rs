//! L2TP (RFC 2661, RFC 3931) over UDP.

use crate::bytes::Stop;
use crate::dissect::sides::require;
use crate::dissect::{Dissector, Part, Question};
use crate::facts::Protocol;
use crate::net::Transport;

/// L2TP.
pub static PROTOCOL: Protocol =
    Protocol { id: 50229, name: "L2TP", category: "vpn", ports: &[(Transport::Udp, 1701)] };

/// Its messages.
pub static L2TP: Dissector = Dissector {
    name: "l2tp",
    over: &[Transport::Udp],
    protocols: &[&PROTOCOL],
    question: Question::Part(dissect),
    teach: None,
};

/// Section 3.1: a control message with length and sequence and no other flag, in version 2 or 3,
/// that fills the datagram and begins with its message type: 2^-16, 2^-16, 2^-48. One without it
/// acknowledges.
fn dissect(part: &mut Part<'_>) -> Result<(), Stop> {
    let (flags, length) = (part.u16(), usize::from(part.u16()));
    require(matches!(flags, 0xc802 | 0xc803) && length == part.bytes.len())?;
    part.skip(8); // tunnel, session or connection; both numbers
    if part.is_empty() {
        return Ok(()); // 2^-16, 2^-16, 2^-15 for the size
    }
    part.literal(&[0x80, 8, 0, 0, 0, 0])
}

#[cfg(test)]
mod tests {
    use crate::dissect::sample::{hex, udp};

    #[test]
    fn control_messages_tell_their_type() {
        let start = hex("c802 0014 0000 0000 0000 0000 8008 0000 0000 0001");
        udp(1701, 1701).original(start).survives("L2TP");
        udp(1701, 1701).original(hex("c802 000c 0001 0000 0001 0001")).survives("L2TP");
        udp(1701, 1701)
            .original(hex("c802 0015 0000 0000 0000 0000 8008 0000 0000 0001"))
            .is_nobodys();
    }
}
