//! Nintendo's games over UDP: Pia between consoles, PRUDP to its servers.
//!
//! kinnay/NintendoClients, wiki pages "Pia Protocol" and "PRUDP Protocol" (version 1).

use crate::bytes::Stop;
use crate::dissect::sides::require;
use crate::dissect::{Dissector, Part, Question};
use crate::facts::Protocol;
use crate::net::Transport;

/// Nintendo.
pub static PROTOCOL: Protocol =
    Protocol { id: 173, name: "Nintendo", category: "games", ports: &[] };

/// Both.
pub static NINTENDO: Dissector = Dissector {
    name: "nintendo",
    over: &[Transport::Udp],
    protocols: &[&PROTOCOL],
    question: Question::Part(dissect),
    teach: None,
};

/// Versions of Pia's header so far, below the bit that says it is encrypted.
const PIA_VERSION_MAX: u8 = 24;

fn dissect(part: &mut Part<'_>) -> Result<(), Stop> {
    match part.bytes.first() {
        Some(0x32) => pia(part),
        Some(0xea) => prudp(part),
        _ => Err(Stop::NotMine),
    }
}

/// The magic (2^-32) and a version (2^-3).
fn pia(part: &mut Part<'_>) -> Result<(), Stop> {
    part.literal(&[0x32, 0xab, 0x98, 0x64])?;
    let version = part.u8() & 0x7f;
    part.skip(7);
    require((1..=PIA_VERSION_MAX).contains(&version))
}

/// Magic and version (2^-24), lengths of options and payload that fill the datagram behind header and
/// signature (2^-16).
fn prudp(part: &mut Part<'_>) -> Result<(), Stop> {
    part.literal(&[0xea, 0xd0, 1])?;
    let options = usize::from(part.u8());
    let payload = usize::from(part.u16_le());
    part.skip(8); // ports, type and flags, session, channel, sequence
    part.skip(16); // signature
    require(part.len() == options.saturating_add(payload))
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
