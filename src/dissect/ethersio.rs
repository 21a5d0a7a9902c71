//! Ether-S-I/O (SAIA-Burgess): remote inputs and outputs over UDP.

use crate::bytes::Stop;
use crate::dissect::sides::require;
use crate::dissect::{Dissector, Part, Question};
use crate::facts::Protocol;
use crate::net::Transport;

/// Ether-S-I/O.
pub static PROTOCOL: Protocol =
    Protocol { id: 50210, name: "EtherSIO", category: "infrastructure", ports: &[] };

/// Its messages.
pub static ETHERSIO: Dissector = Dissector {
    name: "ethersio",
    over: &[Transport::Udp],
    protocols: &[&PROTOCOL],
    question: Question::Part(dissect),
    teach: None,
};

/// `ESIO`, then version 0 of type 1: 2^-48.
fn dissect(part: &mut Part<'_>) -> Result<(), Stop> {
    part.literal(b"ESIO\0")?;
    let kind = part.u8();
    require(kind <= 2 && part.len() >= 10)
}

#[cfg(test)]
mod tests {
    use crate::dissect::sample::{hex, udp};

    #[test]
    fn telegrams_begin_with_the_name() {
        let telegram = hex("4553494f 0001 0000 00317616 00000018 0000000d 01000000");
        udp(1024, 6060).original(telegram).survives("EtherSIO");
        udp(1024, 6060).original("ESIO, whatever that is").is_nobodys();
    }
}
