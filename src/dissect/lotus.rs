//! Lotus Notes and Domino (NRPC) over TCP.

use crate::bytes::Stop;
use crate::dissect::{Dissector, Part, Question};
use crate::facts::Protocol;
use crate::net::Transport;

/// NRPC.
pub static PROTOCOL: Protocol = Protocol {
    id: 150,
    name: "LotusNotes",
    category: "messaging",
    ports: &[(Transport::Tcp, 1352)],
};

/// Its messages.
pub static LOTUS: Dissector = Dissector {
    name: "lotus",
    over: &[Transport::Tcp],
    protocols: &[&PROTOCOL],
    question: Question::Part(dissect),
    teach: None,
};

/// The client's first message holds eight fixed bytes behind a header of six: 2^-64.
const FIXED: [u8; 8] = [0, 0, 2, 0, 0, 0x40, 2, 0x0f];

fn dissect(part: &mut Part<'_>) -> Result<(), Stop> {
    part.skip(6);
    part.literal(&FIXED)
}

#[cfg(test)]
mod tests {
    use crate::dissect::sample::{hex, tcp};

    #[test]
    fn the_first_message_holds_fixed_bytes() {
        tcp(40000, 1352).original(hex("780000000000 000002000040020f 0001")).survives("LotusNotes");
        tcp(40000, 1352).original(hex("780000000000 000002000040020e 0001")).is_nobodys();
    }
}
