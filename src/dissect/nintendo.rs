//! Nintendo's games over UDP: Pia between consoles, PRUDP to its servers.
//!
//! kinnay/NintendoClients, wiki pages "Pia Protocol" and "PRUDP Protocol" (version 1).

use crate::bytes::{Reader, Stop};
use crate::dissect::Dissector;
use crate::dissect::sides::each;
use crate::facts::{Facts, Protocol};
use crate::net::Transport;
use crate::prefix::Prefix;

/// Nintendo.
pub static PROTOCOL: Protocol =
    Protocol { id: 173, name: "Nintendo", category: "games", ports: &[] };

/// Both.
pub static NINTENDO: Dissector = Dissector {
    name: "nintendo",
    over: &[Transport::Udp],
    protocols: &[&PROTOCOL],
    dissect,
    teach: None,
};

/// Versions of Pia's header so far, below the bit that says it is encrypted.
const PIA_VERSION_MAX: u8 = 24;

fn dissect(prefix: &Prefix<'_>) -> Result<Facts, Stop> {
    each(prefix, |bytes| match bytes.first() {
        Some(0x32) => pia(bytes),
        Some(0xea) => prudp(bytes),
        _ => Err(Stop::NotMine),
    })
    .map(|()| Facts::of(&PROTOCOL))
}

/// The magic (2^-32) and a version (2^-3).
fn pia(bytes: &[u8]) -> Result<(), Stop> {
    let mut reader = Reader::datagram(bytes);
    reader.literal(&[0x32, 0xab, 0x98, 0x64])?;
    let version = reader.u8()? & 0x7f;
    reader.skip(7)?;
    if (1..=PIA_VERSION_MAX).contains(&version) { Ok(()) } else { Err(Stop::NotMine) }
}

/// Magic and version (2^-24), lengths of options and payload that fill the datagram behind header and
/// signature (2^-16).
fn prudp(bytes: &[u8]) -> Result<(), Stop> {
    let mut reader = Reader::datagram(bytes);
    reader.literal(&[0xea, 0xd0, 1])?;
    let options = usize::from(reader.u8()?);
    let payload = usize::from(reader.u16_le()?);
    reader.skip(8)?; // ports, type and flags, session, channel, sequence
    reader.skip(16)?; // signature
    if reader.len() == options.saturating_add(payload) { Ok(()) } else { Err(Stop::NotMine) }
}

#[cfg(test)]
mod tests {
    use crate::dissect::sample::{hex, join, udp};

    #[test]
    fn pia_and_prudp_are_nintendo() {
        let pia = join(&[&hex("32ab9864 89 00000001"), &[0x55; 40]]);
        udp(49152, 49153).original(&pia).survives("Nintendo");
        udp(49152, 49153).original(&pia[..11]).is_nobodys();
        let syn = join(&[&hex("ead0 01 03 0200 afa1 c000 00 00 0000"), &[0; 16], &[1; 5]]);
        udp(49152, 60000).original(&syn).survives("Nintendo");
        udp(49152, 60000).original(&syn[..34]).is_nobodys();
    }
}
