//! ZUG, the consensus messages of a blockchain's nodes over UDP.

use crate::bytes::{Reader, Stop};
use crate::dissect::Dissector;
use crate::dissect::sides::each;
use crate::facts::{Facts, Protocol};
use crate::net::Transport;
use crate::prefix::Prefix;

/// ZUG.
pub static PROTOCOL: Protocol =
    Protocol { id: 50104, name: "ZUG", category: "networking", ports: &[] };

/// Messages of either side.
pub static ZUG: Dissector = Dissector {
    name: "zug",
    over: &[Transport::Udp],
    protocols: &[&PROTOCOL],
    dissect,
    teach: None,
};

/// The datagram's length (2^-16), `UG` and a version (2^-24).
fn dissect(prefix: &Prefix<'_>) -> Result<Facts, Stop> {
    each(prefix, |bytes| {
        let mut reader = Reader::datagram(bytes);
        let length = usize::from(reader.u16()?);
        reader.literal(&[0x55, 0x47, 0x10])?;
        if length == bytes.len() && length > 32 {
            Ok(Facts::of(&PROTOCOL))
        } else {
            Err(Stop::NotMine)
        }
    })
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
