//! BFD (RFC 5880, RFC 5881) over UDP.

use crate::bytes::{Reader, Stop};
use crate::dissect::Dissector;
use crate::dissect::sides::{each, require};
use crate::facts::{Facts, Protocol};
use crate::net::Transport;
use crate::prefix::Prefix;

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
    dissect,
    teach: None,
};

/// Section 4.1 and RFC 5881 section 4: version 1, a multiplier, the datagram's length of 24 bytes
/// (or more with authentication), a discriminator that is not zero, on the registered port from a
/// high one: 2^-5, 2^-8, 2^-8.
fn dissect(prefix: &Prefix<'_>) -> Result<Facts, Stop> {
    let [a, b] = prefix.ends;
    let known = |port: u16| matches!(port, 3784 | 4784);
    require((known(a.port) && b.port >= 49152) || (known(b.port) && a.port >= 49152))?;
    each(prefix, |datagram| {
        let mut reader = Reader::datagram(datagram);
        let (first, flags, multiplier, length) =
            (reader.u8()?, reader.u8()?, reader.u8()?, usize::from(reader.u8()?));
        require(first >> 5 == 1 && first & 0x1f <= 9 && multiplier != 0 && flags & 1 == 0)?;
        let authenticated = flags & 4 != 0;
        require(length == datagram.len() && (length == 24) != authenticated && length >= 24)?;
        let mine = reader.u32()?;
        require(mine != 0)
    })
    .map(|()| Facts::of(&PROTOCOL))
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
