//! Minecraft's Java edition over TCP: the handshake, which names the server.
//!
//! minecraft.wiki, "Java Edition protocol" ("Handshake", "Server List Ping").

use crate::bytes::{Reader, Stop};
use crate::dissect::sides::each;
use crate::dissect::{Dissector, Question};
use crate::facts::{Facts, Protocol, host_name};
use crate::net::Transport;
use crate::prefix::Prefix;

/// Minecraft, Java edition.
pub static PROTOCOL: Protocol =
    Protocol { id: 50108, name: "Minecraft", category: "games", ports: &[(Transport::Tcp, 25565)] };

/// Openings of a client.
pub static MINECRAFT: Dissector = Dissector {
    name: "minecraft",
    over: &[Transport::Tcp],
    protocols: &[&PROTOCOL],
    question: Question::Facts(dissect),
    teach: None,
};

/// Of the address in a handshake.
const ADDRESS_MAX: u32 = 255;
/// The ping of versions 1.6 and older.
const OLD_PING: &[u8] = b"\xfe\x01\xfa\0\x0b\0M\0C\0|\0P\0i\0n\0g\0H\0o\0s\0t";

fn dissect(prefix: &Prefix<'_>) -> Result<Facts, Stop> {
    each(prefix, |side| {
        if side.first() == Some(&0xfe) {
            return Reader::stream(side).literal(OLD_PING).map(|()| Facts::of(&PROTOCOL));
        }
        handshake(side, |port| prefix.has_port(port))
    })
}

/// A length that its parts fill (2^-8), packet 0 (2^-8), an address of host characters (2^-2 each), a
/// port, and what comes next, 1 to 3 (2^-6); then the port is the flow's (2^-16), or what follows is
/// the question for the status (2^-16).
fn handshake(side: &[u8], is_ours: impl Fn(u16) -> bool) -> Result<Facts, Stop> {
    let mut reader = Reader::stream(side);
    let length = number(&mut reader)?;
    if !(7..=300).contains(&length) {
        return Err(Stop::NotMine);
    }
    let announced = usize::try_from(length).map_err(|_| Stop::NotMine)?;
    let start = reader.len();
    if reader.u8()? != 0 || number(&mut reader)? > 0x7fff_ffff {
        return Err(Stop::NotMine);
    }
    let address = number(&mut reader)?;
    if !(1..=ADDRESS_MAX).contains(&address) || address > length {
        return Err(Stop::NotMine);
    }
    let address = reader.take(usize::try_from(address).map_err(|_| Stop::NotMine)?)?;
    // Mods put a zero and their name behind it.
    let address = address.split(|&byte| byte == 0).next().unwrap_or_default();
    let host = host_name(address).ok_or(Stop::NotMine)?;
    let port = reader.u16()?;
    let next = reader.u8()?;
    if !(1..=3).contains(&next) || start.saturating_sub(reader.len()) != announced {
        return Err(Stop::NotMine);
    }
    if !is_ours(port) {
        if next != 1 {
            return Err(Stop::NotMine);
        }
        reader.literal(&[1, 0])?;
    }
    Ok(Facts { host: Some(host), ..Facts::of(&PROTOCOL) })
}

/// Seven bits a byte, the least first; at most five bytes.
fn number(reader: &mut Reader<'_>) -> Result<u32, Stop> {
    let mut value = 0u32;
    for position in 0..5u32 {
        let byte = reader.u8()?;
        value |= u32::from(byte & 0x7f).wrapping_shl(position.saturating_mul(7));
        if byte & 0x80 == 0 {
            return Ok(value);
        }
    }
    Err(Stop::NotMine)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::dissect::sample::{hex, join, tcp};

    #[test]
    fn a_handshake_names_its_server() {
        let hello = join(&[&hex("15 00 fd05 0e"), b"play.example.z", &hex("63dd 02")]);
        let flow = tcp(40000, 25565).original(&hello);
        flow.survives("Minecraft");
        assert_eq!(flow.ask(&MINECRAFT).unwrap().host.as_deref(), Some("play.example.z"));
        tcp(40000, 40001).original(&hello).is_nobodys();
        let status = join(&[&hex("15 00 fd05 0e"), b"play.example.z", &hex("63dd 01 0100")]);
        tcp(40000, 40001).original(&status).survives("Minecraft");
        let mut damaged = hello;
        damaged[0] = 0x16;
        tcp(40000, 25565).original(damaged).is_nobodys();
        tcp(40000, 25565).original(OLD_PING).survives("Minecraft");
    }
}
