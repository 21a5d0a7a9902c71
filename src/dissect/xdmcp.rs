//! XDMCP (X.Org): X terminals and their display managers, over UDP.

use crate::bytes::Stop;
use crate::dissect::sides::require;
use crate::dissect::{Dissector, Part, Question};
use crate::facts::Protocol;
use crate::net::Transport;

/// XDMCP.
pub static PROTOCOL: Protocol =
    Protocol { id: 15, name: "XDMCP", category: "remote-desktop", ports: &[(Transport::Udp, 177)] };

/// Its messages.
pub static XDMCP: Dissector = Dissector {
    name: "xdmcp",
    over: &[Transport::Udp],
    protocols: &[&PROTOCOL],
    // Lengths and small numbers alone are not evidence enough elsewhere.
    question: Question::PartAt(&[177], dissect),
    teach: None,
};

/// Version 1, an operation, the length of the rest: 2^-16, 2^-12, 2^-16.
fn dissect(part: &mut Part<'_>) -> Result<(), Stop> {
    part.literal(&[0, 1])?;
    let (operation, length) = (part.u16(), usize::from(part.u16()));
    require((1..=15).contains(&operation) && length == part.len() && length > 0)
}

#[cfg(test)]
mod tests {
    use crate::dissect::sample::{hex, udp};

    #[test]
    fn lengths_are_exact() {
        udp(40000, 177).original(hex("0001 0002 0001 00")).survives("XDMCP");
        udp(40000, 177).original(hex("0001 0002 0002 00")).is_nobodys();
    }
}
