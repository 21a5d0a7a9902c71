//! Photon Realtime over UDP, the network under many games made with Unity: connecting.
//!
//! A header of twelve bytes and commands of twelve and more, as 0blu/PhotonPackageParser reads them;
//! CONNECT is 2, its answer VERIFYCONNECT 3.

use crate::bytes::Stop;
use crate::dissect::{Dissector, Part, Question};
use crate::facts::Protocol;
use crate::net::Transport;

/// Photon.
pub static PROTOCOL: Protocol = Protocol {
    id: 50110,
    name: "Photon",
    category: "games",
    ports: &[(Transport::Udp, 5055), (Transport::Udp, 5056), (Transport::Udp, 5058)],
};

/// Connecting.
pub static PHOTON: Dissector = Dissector {
    name: "photon",
    over: &[Transport::Udp],
    protocols: &[&PROTOCOL],
    question: Question::Part(dissect),
    teach: None,
};

/// Peer -1, no CRC, one command (2^-32); eight bytes behind it; the command, reliable, for all
/// channels, 44 bytes long, the first (2^-88).
fn dissect(part: &mut Part<'_>) -> Result<(), Stop> {
    part.literal(&[0xff, 0xff])?;
    let (flags, commands) = (part.u8(), part.u8());
    if !matches!(flags, 0 | 1 | 0xcc) || commands != 1 {
        return Err(Stop::NotMine);
    }
    // Time and challenge, then the checksum if there is one.
    part.skip(if flags == 0xcc { 12 } else { 8 });
    part.literal(&[2, 0xff, 1])?;
    part.skip(1);
    part.literal(&[0, 0, 0, 44, 0, 0, 0, 1])?;
    part.skip(32);
    Ok(())
}

#[cfg(test)]
mod tests {
    use crate::dissect::sample::{hex, join, udp};

    #[test]
    fn a_connect_is_photon() {
        let head = hex("ffff 00 01 00001234 76543210 02ff0104 0000002c 00000001");
        let connect = join(&[&head, &hex("0000 04b0 00008000 00000002"), &[0; 20]]);
        udp(50000, 5055).original(&connect).survives("Photon");
        let mut damaged = connect;
        damaged[19] = 0x2d;
        udp(50000, 5055).original(damaged).is_nobodys();
    }
}
