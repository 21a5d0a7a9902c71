//! Xbox in the LAN: discovery of consoles by its companion applications (SmartGlass) over UDP.
//!
//! OpenXbox, xbox-smartglass-core documentation, "Simple message": type, length, version.

use crate::bytes::Stop;
use crate::dissect::sides::require;
use crate::dissect::{Dissector, Part, Question};
use crate::facts::Protocol;
use crate::net::Transport;

/// Xbox.
pub static PROTOCOL: Protocol =
    Protocol { id: 47, name: "Xbox", category: "games", ports: &[(Transport::Udp, 3074)] };

/// Discovery.
pub static XBOX: Dissector = Dissector {
    name: "xbox",
    over: &[Transport::Udp],
    protocols: &[&PROTOCOL],
    question: Question::Part(dissect),
    teach: None,
};

/// Flags, kind of client, lowest and highest version.
const REQUEST_BYTES: u16 = 10;

/// `dd00`, ten more bytes, version 0 (2^-48), flags (2^-32), a kind of client (2^-12); or `dd01`, a
/// length that fits, version 0 or 2 (2^-47).
fn dissect(part: &mut Part<'_>) -> Result<(), Stop> {
    part.literal(&[0xdd])?;
    let kind = part.u8();
    let length = part.u16();
    let version = part.u16();
    let fits = part.len() == usize::from(length);
    let known = match kind {
        0 => length == REQUEST_BYTES && version == 0 && part.u32() == 0 && part.u16() <= 8,
        1 => length > 64 && matches!(version, 0 | 2),
        _ => false,
    };
    require(fits && known)
}

#[cfg(test)]
mod tests {
    use crate::dissect::sample::{hex, join, udp};

    #[test]
    fn discovery_is_xbox() {
        let ask = hex("dd00 000a 0000 00000000 0003 0000 0002");
        udp(50000, 5050).original(&ask).survives("Xbox");
        udp(50000, 5050).original(&ask[..15]).is_nobodys();
        let answer = join(&[&hex("dd01 0050 0002"), &[0x20; 80]]);
        udp(50000, 5050).reply(&answer).survives("Xbox");
        udp(50000, 5050).reply(&answer[..85]).is_nobodys();
    }
}
