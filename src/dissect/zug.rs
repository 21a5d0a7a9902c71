//! ZUG, the consensus messages of a blockchain's nodes over UDP.

use crate::bytes::Stop;
use crate::dissect::sides::require;
use crate::dissect::{Dissector, Part, Question};
use crate::facts::Protocol;
use crate::net::Transport;

/// ZUG.
pub static PROTOCOL: Protocol =
    Protocol { id: 50104, name: "ZUG", category: "networking", ports: &[] };

/// Messages of either side.
pub static ZUG: Dissector = Dissector {
    name: "zug",
    over: &[Transport::Udp],
    protocols: &[&PROTOCOL],
    question: Question::Part(dissect),
    teach: None,
};

/// The datagram's length (2^-16), `UG` and a version (2^-24).
fn dissect(part: &mut Part<'_>) -> Result<(), Stop> {
    let length = usize::from(part.u16());
    part.literal(&[0x55, 0x47, 0x10])?;
    require(length == part.bytes.len() && length > 32)
}

#[cfg(test)]
mod tests {
    use crate::dissect::sample::{hex, join, udp};

    #[test]
    fn a_message_knows_its_length() {
        let message = join(&[&hex("0030 554710 aea04100"), &[0x6e; 39]]);
        udp(39594, 19000).original(&message).survives("ZUG");
        udp(39594, 19000).original(&message[..40]).is_nobodys();
    }
}
