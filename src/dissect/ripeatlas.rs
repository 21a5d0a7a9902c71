//! The mark of measurements by RIPE Atlas, over UDP and TCP.

use crate::bytes::Stop;
use crate::dissect::Dissector;
use crate::dissect::sides::{each, reader};
use crate::facts::{Facts, Protocol};
use crate::net::Transport;
use crate::prefix::Prefix;

/// Its probes.
pub static PROTOCOL: Protocol =
    Protocol { id: 50216, name: "RipeAtlas", category: "infrastructure", ports: &[] };

/// Its messages.
pub static RIPEATLAS: Dissector = Dissector {
    name: "ripeatlas",
    over: &[Transport::Tcp, Transport::Udp],
    protocols: &[&PROTOCOL],
    dissect,
    teach: None,
};

/// `MGLNDD_`, then the address that is measured: 2^-56.
fn dissect(prefix: &Prefix<'_>) -> Result<Facts, Stop> {
    each(prefix, |part| {
        let mut reader = reader(prefix.transport, part);
        reader.literal(b"MGLNDD_")
    })
    .map(|()| Facts::of(&PROTOCOL))
}

#[cfg(test)]
mod tests {
    use crate::dissect::sample::{tcp, udp};

    #[test]
    fn the_mark_is_enough() {
        udp(40000, 4712).original("MGLNDD_192.0.2.1_4712").survives("RipeAtlas");
        tcp(40000, 4712).original("MGLNDD_192.0.2.1_4712").survives("RipeAtlas");
        udp(40000, 4712).original("MGLNDA_192.0.2.1_4712").is_nobodys();
    }
}
