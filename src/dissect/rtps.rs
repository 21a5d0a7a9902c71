//! RTPS (OMG DDSI), which DDS and ROS 2 use, over UDP.

use crate::bytes::Stop;
use crate::dissect::sides::{is_any, require};
use crate::dissect::{Dissector, Part, Question};
use crate::facts::Protocol;
use crate::net::Transport;

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
    question: Question::Part(dissect),
    teach: None,
};

/// Section 8.3.3: `RTPS` and version 1 or 2: 2^-39.
fn dissect(part: &mut Part<'_>) -> Result<(), Stop> {
    let name = part.array::<4>();
    let (major, minor) = (part.u8(), part.u8());
    require(is_any(&name, &[b"RTPS", b"RTPX"]) && matches!(major, 1 | 2) && minor <= 9)?;
    require(part.len() >= 10)
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
