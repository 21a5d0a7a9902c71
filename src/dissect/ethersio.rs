//! Ether-S-I/O (SAIA-Burgess): remote inputs and outputs over UDP.

use crate::bytes::{Reader, Stop};
use crate::dissect::Dissector;
use crate::dissect::sides::{each, require};
use crate::facts::{Facts, Protocol};
use crate::net::Transport;
use crate::prefix::Prefix;

/// Ether-S-I/O.
pub static PROTOCOL: Protocol =
    Protocol { id: 50210, name: "EtherSIO", category: "infrastructure", ports: &[] };

/// Its messages.
pub static ETHERSIO: Dissector = Dissector {
    name: "ethersio",
    over: &[Transport::Udp],
    protocols: &[&PROTOCOL],
    dissect,
    teach: None,
};

/// `ESIO`, then version 0 of type 1: 2^-48.
fn dissect(prefix: &Prefix<'_>) -> Result<Facts, Stop> {
    each(prefix, |datagram| {
        let mut reader = Reader::datagram(datagram);
        reader.literal(b"ESIO\0")?;
        let kind = reader.u8()?;
        require(kind <= 2 && reader.len() >= 10)
    })
    .map(|()| Facts::of(&PROTOCOL))
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
