//! IAX2 (RFC 5456) over UDP: the full frames that begin a call or a registration.

use crate::bytes::Stop;
use crate::dissect::sides::require;
use crate::dissect::{Dissector, Part, Question};
use crate::facts::Protocol;
use crate::net::Transport;

/// IAX.
pub static PROTOCOL: Protocol =
    Protocol { id: 95, name: "IAX", category: "voip", ports: &[(Transport::Udp, 4569)] };

/// Openings.
pub static IAX: Dissector = Dissector {
    name: "iax",
    over: &[Transport::Udp],
    protocols: &[&PROTOCOL],
    question: Question::Part(dissect),
    teach: None,
};

/// Frames of the protocol itself (section 8.1.1).
const IAX_FRAME: u8 = 6;
const NEW: u8 = 0x01;
const REGISTER: u8 = 0x0d;
const CALL_TOKEN: u8 = 0x36;
/// Elements of one frame.
const ELEMENTS_MAX: usize = 64;

/// A full frame (2^-1) to nobody yet (2^-16), the first of both ways (2^-16), of the protocol's own
/// kind and an opening (2^-14), whose elements end with the datagram (2^-8) and hold the version or a
/// user's name: 2^-55.
fn dissect(part: &mut Part<'_>) -> Result<(), Stop> {
    let (source, other) = (part.u16(), part.u16());
    if source & 0x8000 == 0 || other != 0 {
        return Err(Stop::NotMine);
    }
    part.skip(4); // time
    part.literal(&[0, 0, IAX_FRAME])?;
    let opening = part.u8();
    if !matches!(opening, NEW | REGISTER) {
        return Err(Stop::NotMine);
    }
    let mut known = false;
    for _ in 0..ELEMENTS_MAX {
        if part.is_empty() {
            break;
        }
        let (kind, length) = (part.u8(), usize::from(part.u8()));
        let value = part.take(length);
        known |= match kind {
            0x0b => value == [0, 2],                   // version
            0x06 => opening == REGISTER && length > 0, // user
            CALL_TOKEN => false,
            0..=0x40 | 0xff => false,
            _ => return Err(Stop::NotMine),
        };
    }
    require(known && part.is_empty())
}

#[cfg(test)]
mod tests {
    use crate::dissect::sample::{hex, udp};

    #[test]
    fn a_new_call_is_iax() {
        let call = hex("8004 0000 00000001 00 00 06 01 0b02 0002 0103 343432 0a02 656e");
        udp(4569, 4566).original(&call).survives("IAX");
        let mut damaged = call;
        damaged[13] = 3;
        udp(4569, 4566).original(damaged).is_nobodys();
        let register = hex("8001 0000 00000003 00 00 06 0d 0603 626f62 1302 003c");
        udp(4569, 4569).original(register).survives("IAX");
    }
}
