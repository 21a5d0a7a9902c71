//! TeamSpeak 3 over UDP: the start of its handshake.

use crate::bytes::Stop;
use crate::dissect::{Dissector, Part, Question};
use crate::facts::Protocol;
use crate::net::Transport;

/// TeamSpeak.
pub static PROTOCOL: Protocol =
    Protocol { id: 162, name: "TeamSpeak", category: "voip", ports: &[(Transport::Udp, 9987)] };

/// The handshake.
pub static TEAMSPEAK: Dissector = Dissector {
    name: "teamspeak",
    over: &[Transport::Udp],
    protocols: &[&PROTOCOL],
    question: Question::Part(dissect),
    teach: None,
};

/// The fixed authentication code of the first packets of both sides: 2^-64.
fn dissect(part: &mut Part<'_>) -> Result<(), Stop> {
    part.literal(b"TS3INIT1")
}

#[cfg(test)]
mod tests {
    use crate::dissect::sample::{hex, join, udp};

    #[test]
    fn the_handshake_is_teamspeak() {
        let hello = join(&[b"TS3INIT1", &hex("0065 0000 88 0dd05766 00 5f5916e0"), &[0; 8]]);
        udp(53187, 9987).original(hello).survives("TeamSpeak");
        udp(53187, 9987).original("TS3INIT2 and more").is_nobodys();
    }
}
