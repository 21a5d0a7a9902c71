//! Gearman: jobs and workers, over TCP.

use crate::bytes::{Reader, Stop};
use crate::dissect::Dissector;
use crate::dissect::sides::{each, require};
use crate::facts::{Facts, Protocol};
use crate::net::Transport;
use crate::prefix::Prefix;

/// Gearman.
pub static PROTOCOL: Protocol = Protocol {
    id: 50223,
    name: "Gearman",
    category: "infrastructure",
    ports: &[(Transport::Tcp, 4730)],
};

/// Its messages.
pub static GEARMAN: Dissector = Dissector {
    name: "gearman",
    over: &[Transport::Tcp],
    protocols: &[&PROTOCOL],
    dissect,
    teach: None,
};

/// A zero, `REQ` or `RES`, a type up to 43: 2^-31, 2^-26.
fn dissect(prefix: &Prefix<'_>) -> Result<Facts, Stop> {
    each(prefix, |side| {
        let mut reader = Reader::stream(side);
        reader.literal(b"\0RE")?;
        let end = reader.u8()?;
        require(matches!(end, b'Q' | b'S'))?;
        let kind = reader.u32()?;
        require((1..=43).contains(&kind))
    })
    .map(|()| Facts::of(&PROTOCOL))
}

#[cfg(test)]
mod tests {
    use crate::dissect::sample::{hex, tcp};

    #[test]
    fn packets_have_a_mark_and_a_type() {
        tcp(40000, 4730).original(hex("00524551 00000001 00000002 7763")).survives("Gearman");
        tcp(40000, 4730).original(hex("00524551 00000100 00000002")).is_nobodys();
    }
}
