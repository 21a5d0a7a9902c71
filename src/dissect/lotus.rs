//! Lotus Notes and Domino (NRPC) over TCP.

use crate::bytes::{Reader, Stop};
use crate::dissect::Dissector;
use crate::dissect::sides::each;
use crate::facts::{Facts, Protocol};
use crate::net::Transport;
use crate::prefix::Prefix;

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
    dissect,
    teach: None,
};

/// The client's first message holds eight fixed bytes behind a header of six: 2^-64.
const FIXED: [u8; 8] = [0, 0, 2, 0, 0, 0x40, 2, 0x0f];

fn dissect(prefix: &Prefix<'_>) -> Result<Facts, Stop> {
    each(prefix, |side| {
        let mut reader = Reader::stream(side);
        reader.skip(6)?;
        reader.literal(&FIXED)
    })
    .map(|()| Facts::of(&PROTOCOL))
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
