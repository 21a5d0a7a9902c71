//! Spotify: its access points over TCP and its search for speakers in the LAN over UDP.
//!
//! The hello as librespot writes it (core/src/connection/handshake.rs): `00 04`, the length of all,
//! then a ClientHello whose first field, build information, is number 10.

use crate::bytes::Stop;
use crate::dissect::sides::require;
use crate::dissect::{Dissector, Part, Question};
use crate::facts::Protocol;
use crate::net::Transport;

/// Spotify.
pub static PROTOCOL: Protocol = Protocol {
    id: 156,
    name: "Spotify",
    category: "media",
    ports: &[(Transport::Tcp, 4070), (Transport::Udp, 57621)],
};

/// Both.
pub static SPOTIFY: Dissector = Dissector {
    name: "spotify",
    over: &[Transport::Tcp, Transport::Udp],
    protocols: &[&PROTOCOL],
    question: Question::Part(dissect),
    teach: None,
};

/// A hello has a key, a nonce and a few numbers: some hundred bytes.
const HELLO_MAX: u32 = 4096;

fn dissect(part: &mut Part<'_>) -> Result<(), Stop> {
    if part.is_stream() { hello(part) } else { part.literal(b"SpotUdp0") } // 2^-64
}

/// 2^-16, a length of four bytes below 4,096 (2^-20), field 10 (2^-8) whose own first field is the
/// product (number 10 again, a number), 2^-8.
fn hello(part: &mut Part<'_>) -> Result<(), Stop> {
    part.literal(&[0, 4])?;
    let length = part.u32();
    if !(32..HELLO_MAX).contains(&length) {
        return Err(Stop::NotMine);
    }
    part.literal(&[0x52])?;
    let inner = part.u8();
    part.literal(&[0x50])?;
    require((2..0x80).contains(&inner))
}

#[cfg(test)]
mod tests {
    use crate::dissect::sample::{hex, join, tcp, udp};

    #[test]
    fn hello_and_search_are_spotify() {
        let hello = join(&[&hex("0004 00000149 520f 5002a00100f00106c002"), &[0x77; 40]]);
        tcp(48628, 4070).original(&hello).survives("Spotify");
        let mut damaged = hello;
        damaged[2] = 1;
        tcp(48628, 4070).original(damaged).is_nobodys();
        udp(57621, 57621).original(join(&[b"SpotUdp0", &[9; 36]])).survives("Spotify");
    }
}
