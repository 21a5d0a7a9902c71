//! Telegram: MTProto without obfuscation over TCP, and calls through its reflectors over UDP.
//!
//! core.telegram.org/mtproto: "MTProto transports" and "Creating an authorization key"; reflectors
//! as in libtgvoip, VoIPController and its UDP packets. The obfuscated transport has no bytes of its
//! own; only the addresses tell it.

use crate::bytes::Stop;
use crate::dissect::{Dissector, Part, Question};
use crate::facts::Protocol;
use crate::net::Transport;

/// MTProto.
pub static PROTOCOL: Protocol =
    Protocol { id: 185, name: "Telegram", category: "messaging", ports: &[] };
/// Its calls.
pub static PROTOCOL_VOIP: Protocol =
    Protocol { id: 333, name: "Telegram/VoIP", category: "voip", ports: &[] };

/// Both.
pub static TELEGRAM: Dissector = Dissector {
    name: "telegram",
    over: &[Transport::Tcp, Transport::Udp],
    protocols: &[&PROTOCOL, &PROTOCOL_VOIP],
    question: Question::Which(dissect),
    teach: None,
};

const REQ_PQ: u32 = 0x6046_9778;
const REQ_PQ_MULTI: u32 = 0xbe7e_8ef1;

fn dissect(part: &mut Part<'_>) -> Result<&'static Protocol, Stop> {
    if part.is_stream() {
        transport(part).map(|()| &PROTOCOL)
    } else {
        reflected(part).map(|()| &PROTOCOL_VOIP)
    }
}

/// The abridged and the intermediate transport, and the first question for a key in them: eight
/// zeros and a constant of four bytes, 2^-96.
fn transport(part: &mut Part<'_>) -> Result<(), Stop> {
    match part.u8() {
        0xef => part.skip(1),
        0xee => {
            part.literal(&[0xee; 3])?;
            part.skip(4);
        }
        _ => return Err(Stop::NotMine),
    }
    part.literal(&[0; 8])?; // no key yet
    part.skip(12); // message id and length
    match part.u32_le() {
        REQ_PQ | REQ_PQ_MULTI => Ok(()),
        _ => Err(Stop::NotMine),
    }
}

/// A peer tag of 16 bytes and twelve bytes of ones (2^-96), which no message of a peer has there;
/// then a request of the reflector (-2 and an id; -1) or its answer with a constructor.
fn reflected(part: &mut Part<'_>) -> Result<(), Stop> {
    let tag = part.array::<16>();
    part.literal(&[0xff; 12])?;
    let kind = part.u32_le();
    let known = match kind {
        0xffff_ffff => part.bytes.len() == 32,
        0xffff_fffe => part.bytes.len() == 40,
        0xc015_72c7 | 0x27d9_371c => (64..=128).contains(&part.bytes.len()),
        _ => false,
    };
    // Silence of a telephone call is all ones too, right behind the header of RTP.
    if known && !tag.ends_with(&[0xff; 4]) { Ok(()) } else { Err(Stop::NotMine) }
}

#[cfg(test)]
mod tests {
    use crate::dissect::sample::{hex, join, tcp, udp};

    #[test]
    fn the_first_question_for_a_key_is_telegram() {
        let ask = hex("0000000000000000 0102030405060708 14000000 f18e7ebe");
        let rest = [7; 16];
        tcp(40000, 443).original(join(&[&[0xef, 10], &ask, &rest])).survives("Telegram");
        let head = hex("eeeeeeee 28000000");
        tcp(40000, 443).original(join(&[&head, &ask, &rest])).survives("Telegram");
        tcp(40000, 443).original(join(&[&[0xef, 10], &ask[..20], &rest])).is_nobodys();
    }

    #[test]
    fn reflectors_are_calls() {
        let tag = hex("dc4c00291565b7acbc236da9eda0d597");
        let ones = [0xff; 12];
        let ask = join(&[&tag, &ones, &hex("feffffff 28f946112601a2f0")]);
        udp(23174, 521).original(&ask).survives("Telegram/VoIP");
        let answer = join(&[&tag, &ones, &hex("c77215c0 60dab25e"), &[0; 28]]);
        udp(23174, 521).reply(&answer).survives("Telegram/VoIP");
        udp(23174, 521).original([0xff; 40]).is_nobodys();
        udp(23174, 521).original(&ask[..31]).is_nobodys();
    }
}
