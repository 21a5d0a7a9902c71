//! GPRS tunnels: GTP-U (3GPP TS 29.281), GTP-C (TS 29.060, TS 29.274), GTP prime (TS 32.295).

use crate::bytes::{Stop, be_u16_at};
use crate::dissect::sides::require;
use crate::dissect::{Dissector, Part, Question};
use crate::facts::Protocol;
use crate::net::Transport;
use crate::prefix::Prefix;

/// User data.
pub static GTP_U: Protocol =
    Protocol { id: 274, name: "GTP/U", category: "networking", ports: &[(Transport::Udp, 2152)] };
/// Control.
pub static GTP_C: Protocol =
    Protocol { id: 272, name: "GTP/C", category: "networking", ports: &[(Transport::Udp, 2123)] };
/// Charging.
pub static GTP_PRIME: Protocol =
    Protocol { id: 273, name: "GTP/P", category: "networking", ports: &[(Transport::Udp, 3386)] };

/// Its messages.
pub static GTP: Dissector = Dissector {
    name: "gtp",
    over: &[Transport::Udp],
    protocols: &[&GTP_U, &GTP_C, &GTP_PRIME],
    question: Question::Which(dissect),
    teach: None,
};

const CONTROL: u16 = 2123;
const USER: u16 = 2152;
const CHARGING: u16 = 3386;
/// A message that carries a user's packet.
const G_PDU: u8 = 255;

/// The version and flags, a type and a length that ends the datagram: about 2^-22. A tunnelled
/// packet adds its version and its own length (2^-20); signalling adds the registered port and its
/// known types (2^-3).
fn dissect(part: &mut Part<'_>) -> Result<&'static Protocol, Stop> {
    let prefix = part.prefix;
    let (flags, kind, length) = (part.u8(), part.u8(), usize::from(part.u16()));
    match flags >> 5 {
        // Version 1 with the bit of GTP proper: tunnel, then sequence and extensions if any flag is
        // set.
        1 if flags & 0x18 == 0x10 => {
            part.skip(4);
            require(length == part.len())?;
            let mut extension = 0;
            if flags & 0x07 != 0 {
                part.skip(3);
                extension = part.u8();
            }
            if kind != G_PDU {
                let user = matches!(kind, 1 | 2 | 26 | 31 | 254);
                let control = matches!(kind, 1..=7 | 16..=37 | 48..=70 | 96..=128);
                return signalling(prefix, user, control);
            }
            for _ in 0..4 {
                if extension == 0 || flags & 0x04 == 0 {
                    break;
                }
                let words = usize::from(part.u8());
                part.skip(words.saturating_mul(4).checked_sub(2).ok_or(Stop::NotMine)?);
                extension = part.u8();
            }
            inner(part.rest()).map(|()| &GTP_U)
        }
        // Version 2, whose spare bits are zero, and GTP prime, whose spare bits are all set.
        2 if flags & 0x07 == 0 && length == part.len() => {
            signalling(prefix, false, matches!(kind, 1..=3 | 32..=73 | 95..=212))
        }
        0 | 1 if flags & 0x1e == 0x0e && prefix.has_port(CHARGING) => {
            let exact = length.saturating_add(6) == part.bytes.len();
            require(exact && matches!(kind, 1..=7 | 240 | 241)).map(|()| &GTP_PRIME)
        }
        _ => Err(Stop::NotMine),
    }
}

fn signalling(prefix: &Prefix<'_>, user: bool, control: bool) -> Result<&'static Protocol, Stop> {
    if user && prefix.has_port(USER) {
        Ok(&GTP_U)
    } else if control && prefix.has_port(CONTROL) {
        Ok(&GTP_C)
    } else {
        Err(Stop::NotMine)
    }
}

/// An IP packet that ends with the datagram.
fn inner(packet: &[u8]) -> Result<(), Stop> {
    let whole = match packet.first().map(|first| first >> 4) {
        Some(4) => usize::from(be_u16_at(packet, 2)),
        Some(6) => usize::from(be_u16_at(packet, 4)).saturating_add(40),
        _ => return Err(Stop::NotMine),
    };
    require(whole == packet.len() && whole >= 20)
}

#[cfg(test)]
mod tests {
    use crate::dissect::sample::{hex, join, udp};

    #[test]
    fn packets_inside_end_with_the_datagram() {
        let packet = hex("45000014 00004000 40110000 c0a80132 08080808");
        let data = join(&[&hex("30 ff 0014 00112233"), &packet]);
        udp(40000, 40001).original(&data).survives("GTP/U");
        let numbered = join(&[&hex("32 ff 0018 00112233 00010000"), &packet]);
        udp(2152, 2152).original(numbered).survives("GTP/U");
        let echo = hex("32 01 0004 00000000 00010000");
        udp(2152, 2152).original(&echo).survives("GTP/U");
        udp(2123, 2123).original(&echo).survives("GTP/C");
        udp(40000, 2123).original(hex("40 01 0009 00000100 0300010041")).survives("GTP/C");
        udp(40000, 40001).original(echo).is_nobodys();
        udp(40000, 3386).original(hex("0f 01 0000 0001")).survives("GTP/P");
    }
}
