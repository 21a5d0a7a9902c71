//! RakNet over UDP: its messages before a connection, as Minecraft's Bedrock edition sends them.
//!
//! RakNet's MessageIdentifiers.h and RakPeer.cpp; minecraft.wiki, "RakNet".

use crate::bytes::Stop;
use crate::dissect::{Dissector, Part, Question};
use crate::facts::Protocol;
use crate::net::Transport;

/// RakNet.
pub static PROTOCOL: Protocol = Protocol {
    id: 291,
    name: "RakNet",
    category: "games",
    ports: &[(Transport::Udp, 19132), (Transport::Udp, 19133)],
};

/// Messages with the offline marker.
pub static RAKNET: Dissector = Dissector {
    name: "raknet",
    over: &[Transport::Udp],
    protocols: &[&PROTOCOL],
    question: Question::Part(dissect),
    teach: None,
};

/// 2^-128, at the place that the message's number asks for.
const MARKER: [u8; 16] = [
    0x00, 0xff, 0xff, 0x00, 0xfe, 0xfe, 0xfe, 0xfe, 0xfd, 0xfd, 0xfd, 0xfd, 0x12, 0x34, 0x56, 0x78,
];

fn dissect(part: &mut Part<'_>) -> Result<(), Stop> {
    match part.u8() {
        0x01 | 0x02 => part.skip(8), // ping: a time
        0x1c => part.skip(16),       // pong: a time and a number
        0x05..=0x08 => {}            // the four of opening a connection
        0x19 => part.skip(1),        // another version
        _ => return Err(Stop::NotMine),
    }
    part.literal(&MARKER)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::dissect::sample::{hex, join, udp};

    #[test]
    fn the_marker_is_raknet() {
        let ping = join(&[&hex("01 0000000000001234"), &MARKER, &[9; 8]]);
        udp(50000, 19132).original(&ping).survives("RakNet");
        let pong = join(&[&[0x1c], &[3; 16], &MARKER, &hex("0004"), b"MCPE"]);
        udp(50000, 19132).reply(pong).survives("RakNet");
        udp(50000, 19132).original(join(&[&[5], &MARKER, &[11], &[0; 400]])).survives("RakNet");
        let mut damaged = ping;
        damaged[0] = 5;
        udp(50000, 19132).original(damaged).is_nobodys();
    }
}
