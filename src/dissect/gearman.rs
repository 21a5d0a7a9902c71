//! Gearman: jobs and workers, over TCP.

use crate::bytes::Stop;
use crate::dissect::sides::require;
use crate::dissect::{Dissector, Part, Question};
use crate::facts::Protocol;
use crate::net::Transport;

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
    question: Question::Part(dissect),
    teach: None,
};

/// A zero, `REQ` or `RES`, a type up to 43: 2^-31, 2^-26.
fn dissect(part: &mut Part<'_>) -> Result<(), Stop> {
    part.literal(b"\0RE")?;
    let end = part.u8();
    require(matches!(end, b'Q' | b'S'))?;
    let kind = part.u32();
    require((1..=43).contains(&kind))
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
