//! SPICE, screens of virtual machines over TCP: the link message (spice-protocol, spice/protocol.h).

use crate::bytes::Stop;
use crate::dissect::sides::require;
use crate::dissect::{Dissector, Part, Question};
use crate::facts::Protocol;
use crate::net::Transport;

/// SPICE.
pub static PROTOCOL: Protocol =
    Protocol { id: 50126, name: "SPICE", category: "remote-desktop", ports: &[] };

/// Link messages.
pub static SPICE: Dissector = Dissector {
    name: "spice",
    over: &[Transport::Tcp],
    protocols: &[&PROTOCOL],
    question: Question::Part(dissect),
    teach: None,
};

/// `REDQ` (2^-32), version 1 or 2 (2^-31).
fn dissect(part: &mut Part<'_>) -> Result<(), Stop> {
    part.literal(b"REDQ")?;
    require(matches!(part.u32_le(), 1 | 2))
}

#[cfg(test)]
mod tests {
    use crate::dissect::sample::{hex, tcp};

    #[test]
    fn a_link_message_is_spice() {
        let link = hex("52454451 02000000 02000000 12000000");
        tcp(40000, 5900).original(&link).survives("SPICE");
        let mut damaged = link;
        damaged[7] = 1;
        tcp(40000, 5900).original(damaged).is_nobodys();
    }
}
