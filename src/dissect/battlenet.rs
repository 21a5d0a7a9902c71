//! Battle.net over TCP: the classic service's opening, and that of StarCraft II.
//!
//! bnetdocs.org, "SID_AUTH_INFO" (0x50): protocol selector 1, then `ff`, a message, its length, the
//! platform and the product as reversed text.

use crate::bytes::Stop;
use crate::dissect::sides::{is_any, require};
use crate::dissect::{Dissector, Part, Question};
use crate::facts::Protocol;
use crate::net::Transport;

/// StarCraft, and the classic service whatever the game.
pub static STARCRAFT: Protocol =
    Protocol { id: 213, name: "Starcraft", category: "games", ports: &[(Transport::Tcp, 6112)] };
/// Warcraft III.
pub static WARCRAFT3: Protocol =
    Protocol { id: 116, name: "Warcraft3", category: "games", ports: &[] };

/// Openings of a client.
pub static BATTLENET: Dissector = Dissector {
    name: "battlenet",
    over: &[Transport::Tcp],
    protocols: &[&STARCRAFT, &WARCRAFT3],
    question: Question::Which(dissect),
    teach: None,
};

/// The first request of StarCraft II: ten bytes, 2^-80.
const LOGON: [u8; 10] = [0x4a, 0, 0, 0x0a, 0x66, 2, 0x0a, 0xed, 0x2d, 0x66];

fn dissect(part: &mut Part<'_>) -> Result<&'static Protocol, Stop> {
    match part.bytes.first() {
        Some(1) => classic(part),
        Some(0x4a) => part.literal(&LOGON).map(|()| &STARCRAFT),
        Some(_) => Err(Stop::NotMine),
        None => Err(Stop::NeedMore),
    }
}

/// Selector, message, a length below 256, protocol 0, a platform and a product: 2^-24, 2^-8, 2^-32,
/// 2^-60.
fn classic(part: &mut Part<'_>) -> Result<&'static Protocol, Stop> {
    part.literal(&[1, 0xff, 0x50])?;
    let length = part.u16_le();
    part.literal(&[0; 4])?;
    let platform = part.array::<4>();
    let product = part.array::<4>();
    if !(24..256).contains(&length) || !is_any(&platform, &[b"68XI", b"CAMP", b"XCMX"]) {
        return Err(Stop::NotMine);
    }
    if is_any(&product, &[b"3RAW", b"PX3W", b"MD3W"]) {
        return Ok(&WARCRAFT3);
    }
    let others: [&[u8]; 8] =
        [b"RATS", b"PXES", b"RHSS", b"RTSJ", b"NB2W", b"VD2D", b"PX2D", b"LTRD"];
    require(is_any(&product, &others)).map(|()| &STARCRAFT)
}

#[cfg(test)]
mod tests {
    use crate::dissect::sample::{hex, join, tcp};

    #[test]
    fn openings_tell_the_game() {
        for (product, name) in [(b"PXES", "Starcraft"), (b"PX3W", "Warcraft3")] {
            let hello = join(&[
                &hex("01 ff50 3a00 00000000"),
                b"68XI",
                product,
                &hex("d3000000"),
                &[0; 20],
            ]);
            tcp(40000, 6112).original(&hello).survives(name);
            let mut damaged = hello;
            damaged[4] = 9;
            tcp(40000, 6112).original(damaged).is_nobodys();
        }
        tcp(3517, 1119).original(hex("4a00000a66020aed2d66adc8e80a")).survives("Starcraft");
    }
}
