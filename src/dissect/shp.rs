//! The smart home protocol of TP-Link (Kasa) over UDP and TCP.

use crate::bytes::Stop;
use crate::dissect::sides::require;
use crate::dissect::{Dissector, Part, Question};
use crate::facts::Protocol;
use crate::net::Transport;

/// It.
pub static PROTOCOL: Protocol =
    Protocol { id: 314, name: "TPLINK/SHP", category: "infrastructure", ports: &[] };

/// Its messages.
pub static SHP: Dissector = Dissector {
    name: "shp",
    over: &[Transport::Tcp, Transport::Udp],
    protocols: &[&PROTOCOL],
    question: Question::Part(dissect),
    teach: None,
};

/// What the first byte is combined with; each next one with the byte before it on the wire.
const START: u8 = 0xab;
/// Bytes looked at.
const SHOWN: usize = 12;

/// A JSON object whose first key is at least three letters, in a cipher without a key: `{"` (2^-16)
/// and ten letters, points or JSON marks (2^-18 and more). Over TCP its length stands in front.
fn dissect(part: &mut Part<'_>) -> Result<(), Stop> {
    if part.is_stream() {
        let length = part.u32();
        require((SHOWN as u32..0x1_0000).contains(&length))?;
    }
    let sealed = part.array::<SHOWN>();
    let before = [START].into_iter().chain(sealed);
    let mut text = before.zip(sealed).map(|(before, byte)| before ^ byte);
    require(text.next() == Some(b'{') && text.next() == Some(b'"'))?;
    let known = |byte: u8| byte.is_ascii_lowercase() || b"_.\":{C".contains(&byte);
    let quoted = text.clone().take(3).all(|byte| byte.is_ascii_lowercase());
    require(quoted && text.all(known))
}

#[cfg(test)]
mod tests {
    use crate::dissect::sample::{hex, join, tcp, udp};

    fn seal(text: &str) -> Vec<u8> {
        let mut before = 0xab;
        text.bytes()
            .map(|byte| {
                before ^= byte;
                before
            })
            .collect()
    }

    #[test]
    fn the_first_key_is_read() {
        let query = seal("{\"system\":{\"get_sysinfo\":{}}}");
        udp(40000, 9999).original(&query).survives("TPLINK/SHP");
        let framed = join(&[&hex("0000001e"), &query]);
        tcp(40000, 9999).original(framed).survives("TPLINK/SHP");
        udp(40000, 9999).original(seal("{\"System\":{\"x\":{}}}")).is_nobodys();
        udp(40000, 9999).original(hex("d0f281f88bff9af7d5ef94b6")).survives("TPLINK/SHP");
    }
}
