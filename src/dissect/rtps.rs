//! RTPS (OMG DDSI), which DDS and ROS 2 use, over UDP.

use crate::bytes::{Reader, Stop};
use crate::dissect::Dissector;
use crate::dissect::sides::{each, require};
use crate::facts::{Facts, Protocol};
use crate::net::Transport;
use crate::prefix::Prefix;

/// RTPS.
pub static PROTOCOL: Protocol = Protocol {
    id: 50226,
    name: "RTPS",
    category: "infrastructure",
    ports: &[(Transport::Udp, 7400)],
};

/// Its messages.
pub static RTPS: Dissector = Dissector {
    name: "rtps",
    over: &[Transport::Udp],
    protocols: &[&PROTOCOL],
    dissect,
    teach: None,
};

/// Section 8.3.3: `RTPS` and version 1 or 2: 2^-39.
fn dissect(prefix: &Prefix<'_>) -> Result<Facts, Stop> {
    each(prefix, |datagram| {
        let mut reader = Reader::datagram(datagram);
        let name = reader.array::<4>()?;
        let (major, minor) = (reader.u8()?, reader.u8()?);
        require(matches!(&name, b"RTPS" | b"RTPX") && matches!(major, 1 | 2) && minor <= 9)?;
        require(reader.len() >= 10)
    })
    .map(|()| Facts::of(&PROTOCOL))
}

#[cfg(test)]
mod tests {
    use crate::dissect::sample::{hex, udp};

    #[test]
    fn messages_begin_with_their_name() {
        udp(40000, 7400).original(hex("52545053 0201 0101 4e44445350494e47")).survives("RTPS");
        udp(40000, 7400).original(hex("52545053 0a01 0101 4e44445350494e47")).is_nobodys();
        udp(40000, 7400)
            .original(hex("52545053 0201 0101 c0a80132 00003a4c 00000001"))
            .survives("RTPS");
    }
}
