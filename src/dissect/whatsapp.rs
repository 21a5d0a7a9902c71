//! WhatsApp's chat over TCP: its own framing, Noise inside since version 2, an older cipher before.
//!
//! As the open clients write it (whatsmeow, socket/noisehandshake.go and framesocket.go): an optional
//! `ED` part with routing, `WA`, two bytes of version, then frames with a length of three bytes.

use crate::bytes::Stop;
use crate::dissect::{Dissector, Part, Question};
use crate::facts::Protocol;
use crate::net::Transport;

/// WhatsApp's chat.
pub static PROTOCOL: Protocol =
    Protocol { id: 142, name: "WhatsApp", category: "messaging", ports: &[] };

/// Openings of a client.
pub static WHATSAPP: Dissector = Dissector {
    name: "whatsapp",
    over: &[Transport::Tcp],
    protocols: &[&PROTOCOL],
    question: Question::Part(dissect),
    teach: None,
};

/// `WA`, a small version (2^-24), a frame shorter than 64 KiB (2^-8) that starts with a client hello
/// of a 32-byte key (2^-24) or, before Noise, with a list (2^-8): 2^-40 at least.
fn dissect(part: &mut Part<'_>) -> Result<(), Stop> {
    if part.peek() == Some(b'E') {
        part.literal(b"ED\0\x01")?;
        let routing = part.u24();
        if routing > 256 {
            return Err(Stop::NotMine);
        }
        part.skip(usize::try_from(routing).map_err(|_| Stop::NotMine)?);
    }
    part.literal(b"WA")?;
    let version = (part.u8(), part.u8());
    let length = part.u24();
    if !matches!(version, (1..=6, 0..=9)) || !(3..0x1_0000).contains(&length) {
        return Err(Stop::NotMine);
    }
    match part.u8() {
        0xf8 => return Ok(()),
        0x12 => {}
        _ => return Err(Stop::NotMine),
    }
    while part.u8() & 0x80 != 0 {} // the hello's length
    part.literal(&[0x0a, 0x20])?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use crate::dissect::sample::{hex, join, tcp};

    #[test]
    fn versions_and_routing_are_whatsapp() {
        let noise = join(&[&hex("57410603 000024 12220a20"), &[0x6c; 32]]);
        tcp(49355, 443).original(&noise).survives("WhatsApp");
        let routed = join(&[&hex("45440001 000004 08050802"), &noise]);
        tcp(49355, 5222).original(routed).survives("WhatsApp");
        tcp(35480, 5222).original(hex("57410105 000017 f80501a5 9189fc0f")).survives("WhatsApp");
        let mut damaged = noise;
        damaged[4] = 1;
        tcp(49355, 443).original(damaged).is_nobodys();
    }
}
