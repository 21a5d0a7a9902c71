//! SMPP (short messages between operators and senders) over TCP.

use crate::bytes::Stop;
use crate::dissect::sides::require;
use crate::dissect::{Dissector, Part, Question};
use crate::facts::Protocol;
use crate::net::Transport;

/// SMPP.
pub static PROTOCOL: Protocol =
    Protocol { id: 207, name: "SMPP", category: "messaging", ports: &[(Transport::Tcp, 2775)] };

/// Its messages.
pub static SMPP: Dissector = Dissector {
    name: "smpp",
    over: &[Transport::Tcp],
    protocols: &[&PROTOCOL],
    question: Question::Part(dissect),
    teach: None,
};

/// Section 4.1 of SMPP 3.4: a bind begins every session: length, command, no status (2^-22, 2^-30,
/// 2^-32); a system's name, password and type that end in zeros (2^-24), a version, and a range of
/// numbers that ends the message. The answer has the same header with the top bit of the command
/// and the server's name.
fn dissect(part: &mut Part<'_>) -> Result<(), Stop> {
    let (length, command) = (part.u32(), part.u32());
    require((17..=512).contains(&length))?;
    let answer = command & 0x8000_0000 != 0;
    require(matches!(command & 0x7fff_ffff, 1 | 2 | 9))?;
    part.literal(&[0; 4])?;
    let sequence = part.u32();
    require(sequence != 0)?;
    let length = usize::try_from(length).unwrap_or_default();
    let body = part.take(length.saturating_sub(16));
    let mut texts = body.splitn(4, |&byte| byte == 0);
    let mut text = |max: usize| {
        texts.next().is_some_and(|text| text.len() < max && text.iter().all(u8::is_ascii_graphic))
    };
    if answer {
        return require(text(16) && body.contains(&0));
    }
    require(text(16) && text(9) && text(13))?;
    // A version, kind and plan of numbers, and a range of them that ends the message.
    require(match texts.next() {
        Some(&[version, kind, plan, ref range @ .., 0]) => {
            let known = version <= 0x34 || version == 0x50;
            known && kind <= 6 && plan <= 18 && range.iter().all(u8::is_ascii_graphic)
        }
        _ => false,
    })
}

#[cfg(test)]
mod tests {
    use crate::dissect::sample::{hex, join, tcp};

    #[test]
    fn binds_hold_texts_and_a_version() {
        let bind = join(&[
            &hex("00000027 00000002 00000000 00000001"),
            b"abhik\0password\0SMPP\0",
            &hex("34000000"),
        ]);
        let mut bind = bind;
        bind[3] = u8::try_from(bind.len()).unwrap();
        tcp(40000, 2775).original(&bind).survives("SMPP");
        tcp(40000, 2775).original(hex("00000014 00000002 00000001 00000001 00000000")).is_nobodys();
    }
}
