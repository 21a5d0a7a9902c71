//! ENet over UDP, a library under the network code of many games: the opening of a connection.
//!
//! lsalzman/enet, include/enet/protocol.h: a header, then commands; CONNECT and VERIFY_CONNECT.

use crate::bytes::Stop;
use crate::dissect::sides::require;
use crate::dissect::{Dissector, Part, Question};
use crate::facts::Protocol;
use crate::net::Transport;

/// ENet.
pub static PROTOCOL: Protocol = Protocol { id: 50109, name: "ENet", category: "games", ports: &[] };

/// The opening.
pub static ENET: Dissector = Dissector {
    name: "enet",
    over: &[Transport::Udp],
    protocols: &[&PROTOCOL],
    question: Question::Part(dissect),
    teach: None,
};

/// Command 2 that wants to be acknowledged, for all channels, the first of its side.
const CONNECT: [u8; 4] = [0x82, 0xff, 0, 1];
/// Its answer.
const VERIFY: [u8; 4] = [0x83, 0xff, 0, 1];

/// Peer 4095 with a time of sending (2^-16); a command (2^-32); an MTU and a number of channels in
/// the library's limits (2^-20 and 2^-24).
fn dissect(part: &mut Part<'_>) -> Result<(), Stop> {
    let peer = part.u16();
    if peer & 0x8000 == 0 {
        return Err(Stop::NotMine);
    }
    part.skip(2); // time
    let mut command = part.array::<4>();
    if command.first() == Some(&1) && part.bytes.len() > 40 {
        part.skip(4); // an acknowledgement first
        command = part.array::<4>();
    }
    if command != VERIFY && (command != CONNECT || peer & 0x0fff != 0x0fff) {
        return Err(Stop::NotMine);
    }
    part.skip(4); // peer, sessions
    let mtu = part.u32();
    part.skip(4); // window
    let channels = part.u32();
    // Bandwidths, throttling and the connection's number fill the command.
    part.skip(24);
    require((576..=4096).contains(&mtu) && (1..=255).contains(&channels))
}

#[cfg(test)]
mod tests {
    use crate::dissect::sample::{hex, udp};

    #[test]
    fn openings_are_enet() {
        let connect = hex(
            "8fff0001 82ff0001 0000ffff 000004b0 00008000 000000ff 00000000 00000000 00001388 \
             00000000 00000000 96990a44 00260000",
        );
        udp(36929, 20021).original(&connect).survives("ENet");
        for at in [4, 12, 20] {
            let mut damaged = connect.clone();
            damaged[at] = 7;
            udp(36929, 20021).original(damaged).is_nobodys();
        }
    }
}
