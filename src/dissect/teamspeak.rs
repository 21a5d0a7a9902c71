//! TeamSpeak 3 over UDP: the start of its handshake.

use crate::bytes::{Reader, Stop};
use crate::dissect::Dissector;
use crate::dissect::sides::each;
use crate::facts::{Facts, Protocol};
use crate::net::Transport;
use crate::prefix::Prefix;

/// TeamSpeak.
pub static PROTOCOL: Protocol =
    Protocol { id: 162, name: "TeamSpeak", category: "voip", ports: &[(Transport::Udp, 9987)] };

/// The handshake.
pub static TEAMSPEAK: Dissector = Dissector {
    name: "teamspeak",
    over: &[Transport::Udp],
    protocols: &[&PROTOCOL],
    dissect,
    teach: None,
};

/// The fixed authentication code of the first packets of both sides: 2^-64.
fn dissect(prefix: &Prefix<'_>) -> Result<Facts, Stop> {
    each(prefix, |bytes| {
        Reader::datagram(bytes).literal(b"TS3INIT1").map(|()| Facts::of(&PROTOCOL))
    })
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
