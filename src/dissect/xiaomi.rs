//! Xiaomi's push service over TCP: messages of its phones' connection to mi.com.

use crate::bytes::Stop;
use crate::dissect::sides::require;
use crate::dissect::{Dissector, Part, Question};
use crate::facts::Protocol;
use crate::net::Transport;

/// Xiaomi push.
pub static PROTOCOL: Protocol =
    Protocol { id: 297, name: "Xiaomi", category: "messaging", ports: &[] };

/// Messages of either side.
pub static XIAOMI: Dissector = Dissector {
    name: "xiaomi",
    over: &[Transport::Tcp],
    protocols: &[&PROTOCOL],
    question: Question::Part(dissect),
    teach: None,
};

/// `c2fe`, version 5 (2^-32), a length of four bytes below 64 KiB (2^-16).
fn dissect(part: &mut Part<'_>) -> Result<(), Stop> {
    part.literal(&[0xc2, 0xfe, 0, 5])?;
    require((1..0x1_0000).contains(&part.u32()))
}

#[cfg(test)]
mod tests {
    use crate::dissect::sample::{hex, tcp};

    #[test]
    fn messages_are_xiaomi() {
        let hello = hex("c2fe0005 00000036 00020016 00000018 08001a0a 7869616f6d692e636f6d");
        tcp(39180, 5222).original(&hello).survives("Xiaomi");
        let mut damaged = hello;
        damaged[4] = 1;
        tcp(39180, 5222).original(damaged).is_nobodys();
    }
}
