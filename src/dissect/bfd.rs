//! BFD (RFC 5880, RFC 5881) over UDP.

use crate::bytes::Stop;
use crate::dissect::sides::require;
use crate::dissect::{Dissector, Part, Question};
use crate::facts::Protocol;
use crate::net::Transport;

/// BFD.
pub static PROTOCOL: Protocol = Protocol {
    id: 50240,
    name: "BFD",
    category: "networking",
    ports: &[(Transport::Udp, 3784), (Transport::Udp, 4784)],
};

/// Its messages.
pub static BFD: Dissector = Dissector {
    name: "bfd",
    over: &[Transport::Udp],
    protocols: &[&PROTOCOL],
    question: Question::Part(dissect),
    teach: None,
};

/// Section 4.1 and RFC 5881 section 4: version 1, a multiplier, the datagram's length of 24 bytes
/// (or more with authentication), a discriminator that is not zero, on the registered port from a
/// high one: 2^-5, 2^-8, 2^-8.
fn dissect(part: &mut Part<'_>) -> Result<(), Stop> {
    let [a, b] = part.prefix.ends;
    let known = |port: u16| matches!(port, 3784 | 4784);
    require((known(a.port) && b.port >= 49152) || (known(b.port) && a.port >= 49152))?;
    let (first, flags, multiplier, length) =
        (part.u8(), part.u8(), part.u8(), usize::from(part.u8()));
    require(first >> 5 == 1 && first & 0x1f <= 9 && multiplier != 0 && flags & 1 == 0)?;
    let authenticated = flags & 4 != 0;
    require(length == part.bytes.len() && (length == 24) != authenticated && length >= 24)?;
    let mine = part.u32();
    require(mine != 0)
}

#[cfg(test)]
mod tests {
    use crate::dissect::sample::{hex, udp};

    #[test]
    fn control_packets_tell_their_length() {
        let down = hex("2040 0318 00000001 00000000 000f4240 000f4240 00000000");
        udp(49152, 3784).original(&down).survives("BFD");
        udp(40000, 3784).original(&down).is_nobodys();
    }
}
