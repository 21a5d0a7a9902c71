//! SPICE, screens of virtual machines over TCP: the link message (spice-protocol, spice/protocol.h).

use crate::bytes::{Reader, Stop};
use crate::dissect::Dissector;
use crate::dissect::sides::each;
use crate::facts::{Facts, Protocol};
use crate::net::Transport;
use crate::prefix::Prefix;

/// SPICE.
pub static PROTOCOL: Protocol =
    Protocol { id: 50126, name: "SPICE", category: "remote-desktop", ports: &[] };

/// Link messages.
pub static SPICE: Dissector = Dissector {
    name: "spice",
    over: &[Transport::Tcp],
    protocols: &[&PROTOCOL],
    dissect,
    teach: None,
};

/// `REDQ` (2^-32), version 1 or 2 (2^-31).
fn dissect(prefix: &Prefix<'_>) -> Result<Facts, Stop> {
    each(prefix, |side| {
        let mut reader = Reader::stream(side);
        reader.literal(b"REDQ")?;
        if matches!(reader.u32_le()?, 1 | 2) {
            Ok(Facts::of(&PROTOCOL))
        } else {
            Err(Stop::NotMine)
        }
    })
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
