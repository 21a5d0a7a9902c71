//! Roon over UDP: music players look for their core (port 9003).

use crate::bytes::{Reader, Stop};
use crate::dissect::Dissector;
use crate::dissect::sides::each;
use crate::facts::{Facts, Protocol};
use crate::net::Transport;
use crate::prefix::Prefix;

/// Roon.
pub static PROTOCOL: Protocol =
    Protocol { id: 50128, name: "Roon", category: "media", ports: &[(Transport::Udp, 9003)] };

/// Discovery, as its open clients write it (node-roon-api, sood.js).
pub static ROON: Dissector = Dissector {
    name: "roon",
    over: &[Transport::Udp],
    protocols: &[&PROTOCOL],
    dissect,
    teach: None,
};

/// `SOOD`, version 2, a question or an answer: 2^-47.
fn dissect(prefix: &Prefix<'_>) -> Result<Facts, Stop> {
    each(prefix, |bytes| {
        let mut reader = Reader::datagram(bytes);
        reader.literal(b"SOOD\x02")?;
        if matches!(reader.u8()?, b'Q' | b'R' | b'X') {
            Ok(Facts::of(&PROTOCOL))
        } else {
            Err(Stop::NotMine)
        }
    })
}

#[cfg(test)]
mod tests {
    use crate::dissect::sample::udp;

    #[test]
    fn discovery_is_roon() {
        udp(50000, 9003).original("SOOD\x02Q\x04_tid\0\x01x").survives("Roon");
        udp(50000, 9003).original("SOOD\x01Q").is_nobodys();
    }
}
