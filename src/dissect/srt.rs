//! SRT, live video over UDP: its handshake (draft-sharabayko-srt section 3.2.1).

use crate::bytes::Stop;
use crate::dissect::sides::require;
use crate::dissect::{Dissector, Part, Question};
use crate::facts::Protocol;
use crate::net::Transport;

/// SRT. (Not SRTP, which is RTP.)
pub static PROTOCOL: Protocol = Protocol { id: 50120, name: "SRT", category: "media", ports: &[] };

/// Handshakes.
pub static SRT: Dissector = Dissector {
    name: "srt",
    over: &[Transport::Udp],
    protocols: &[&PROTOCOL],
    question: Question::Part(dissect),
    teach: None,
};

/// A control packet of type and subtype 0 with nothing in between (2^-64), versions 4 or 5 (2^-31), an
/// MTU that a network has (2^-21), a kind of handshake (2^-29).
fn dissect(part: &mut Part<'_>) -> Result<(), Stop> {
    part.literal(&[0x80, 0, 0, 0, 0, 0, 0, 0])?;
    part.skip(8); // time, socket
    let version = part.u32();
    let form = part.u32(); // encryption and extensions; of UDT, which has no 2, its kind of socket
    part.skip(4); // first number
    let mtu = part.u32();
    part.skip(4); // window
    let kind = part.u32();
    part.skip(24); // socket, cookie, address
    let known = matches!((version, form), (4, 2) | (5, _))
        && (576..=9000).contains(&mtu)
        && matches!(kind, 0 | 1 | 0xffff_ffff | 0xffff_fffe);
    require(known)
}

#[cfg(test)]
mod tests {
    use crate::dissect::sample::{hex, join, udp};

    #[test]
    fn a_handshake_is_srt() {
        let head = hex("80000000 00000000 00000102 00000000 00000004 0000 0002 12345678 000005dc");
        let handshake = join(&[&head, &hex("00002000 00000001"), &[0; 24]]);
        udp(50000, 9000).original(&handshake).survives("SRT");
        for at in [19, 29, 39] {
            let mut damaged = handshake.clone();
            damaged[at] = 9;
            udp(50000, 9000).original(damaged).is_nobodys();
        }
    }
}
