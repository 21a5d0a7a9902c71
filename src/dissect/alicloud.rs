//! Alibaba Cloud's agents over TCP: messages behind a magic.

use crate::bytes::Stop;
use crate::dissect::sides::require;
use crate::dissect::{Dissector, Part, Question};
use crate::facts::Protocol;
use crate::net::Transport;

/// Alibaba Cloud.
pub static PROTOCOL: Protocol =
    Protocol { id: 301, name: "Alibaba/Cloud", category: "networking", ports: &[] };

/// Messages of either side.
pub static ALICLOUD: Dissector = Dissector {
    name: "alicloud",
    over: &[Transport::Tcp],
    protocols: &[&PROTOCOL],
    question: Question::Part(dissect),
    teach: None,
};

/// `babeface`, least byte first (2^-32), a length below 64 KiB (2^-16).
fn dissect(part: &mut Part<'_>) -> Result<(), Stop> {
    part.literal(&[0xce, 0xfa, 0xbe, 0xba])?;
    require((1..0x1_0000).contains(&part.u32_le()))
}

#[cfg(test)]
mod tests {
    use crate::dissect::sample::{hex, tcp};

    #[test]
    fn messages_are_alibabas() {
        let message = hex("cefabeba 30000000 685d1c3a1284b886");
        tcp(39018, 8999).original(&message).survives("Alibaba/Cloud");
        let mut damaged = message;
        damaged[7] = 1;
        tcp(39018, 8999).original(damaged).is_nobodys();
    }
}
