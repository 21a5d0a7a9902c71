//! Xbox in the LAN: discovery of consoles by its companion applications (SmartGlass) over UDP.
//!
//! OpenXbox, xbox-smartglass-core documentation, "Simple message": type, length, version.

use crate::bytes::{Reader, Stop};
use crate::dissect::Dissector;
use crate::dissect::sides::each;
use crate::facts::{Facts, Protocol};
use crate::net::Transport;
use crate::prefix::Prefix;

/// Xbox.
pub static PROTOCOL: Protocol =
    Protocol { id: 47, name: "Xbox", category: "games", ports: &[(Transport::Udp, 3074)] };

/// Discovery.
pub static XBOX: Dissector = Dissector {
    name: "xbox",
    over: &[Transport::Udp],
    protocols: &[&PROTOCOL],
    dissect,
    teach: None,
};

/// Flags, kind of client, lowest and highest version.
const REQUEST_BYTES: u16 = 10;

/// `dd00`, ten more bytes, version 0 (2^-48), flags (2^-32), a kind of client (2^-12); or `dd01`, a
/// length that fits, version 0 or 2 (2^-47).
fn dissect(prefix: &Prefix<'_>) -> Result<Facts, Stop> {
    each(prefix, |bytes| {
        let mut reader = Reader::datagram(bytes);
        reader.literal(&[0xdd])?;
        let kind = reader.u8()?;
        let length = reader.u16()?;
        let version = reader.u16()?;
        let fits = reader.len() == usize::from(length);
        let known = match kind {
            0 => {
                length == REQUEST_BYTES && version == 0 && reader.u32()? == 0 && reader.u16()? <= 8
            }
            1 => length > 64 && matches!(version, 0 | 2),
            _ => false,
        };
        if fits && known { Ok(Facts::of(&PROTOCOL)) } else { Err(Stop::NotMine) }
    })
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
