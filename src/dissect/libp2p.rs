//! libp2p over TCP, the network of IPFS and others: its multistream greeting.
//!
//! multiformats/multistream-select, README: `/multistream/1.0.0` and a line end behind their length.

use crate::bytes::Stop;
use crate::dissect::{Dissector, Part, Question};
use crate::facts::Protocol;
use crate::net::Transport;

/// libp2p.
pub static PROTOCOL: Protocol = Protocol {
    id: 50124,
    name: "libp2p",
    category: "file-sharing",
    ports: &[(Transport::Tcp, 4001)],
};

/// Greetings.
pub static LIBP2P: Dissector = Dissector {
    name: "libp2p",
    over: &[Transport::Tcp],
    protocols: &[&PROTOCOL],
    question: Question::Part(dissect),
    teach: None,
};

/// Twenty bytes, 2^-160.
fn dissect(part: &mut Part<'_>) -> Result<(), Stop> {
    part.literal(b"\x13/multistream/1.0.0\n")
}

#[cfg(test)]
mod tests {
    use crate::dissect::sample::tcp;

    #[test]
    fn the_greeting_is_libp2p() {
        tcp(40000, 4001).original("\x13/multistream/1.0.0\n\x07/noise\n").survives("libp2p");
        tcp(40000, 4001).original("\x13/multistream/2.0.0\n").is_nobodys();
    }
}
