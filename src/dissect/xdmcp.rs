//! XDMCP (X.Org): X terminals and their display managers, over UDP.

use crate::bytes::{Reader, Stop};
use crate::dissect::Dissector;
use crate::dissect::sides::{each, require};
use crate::facts::{Facts, Protocol};
use crate::net::Transport;
use crate::prefix::Prefix;

/// XDMCP.
pub static PROTOCOL: Protocol =
    Protocol { id: 15, name: "XDMCP", category: "remote-desktop", ports: &[(Transport::Udp, 177)] };

/// Its messages.
pub static XDMCP: Dissector = Dissector {
    name: "xdmcp",
    over: &[Transport::Udp],
    protocols: &[&PROTOCOL],
    dissect,
    teach: None,
};

/// Version 1, an operation, the length of the rest: 2^-16, 2^-12, 2^-16.
fn dissect(prefix: &Prefix<'_>) -> Result<Facts, Stop> {
    // Lengths and small numbers alone are not evidence enough elsewhere.
    require(prefix.has_port(177))?;
    each(prefix, |datagram| {
        let mut reader = Reader::datagram(datagram);
        reader.literal(&[0, 1])?;
        let (operation, length) = (reader.u16()?, usize::from(reader.u16()?));
        require((1..=15).contains(&operation) && length == reader.len() && length > 0)
    })
    .map(|()| Facts::of(&PROTOCOL))
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
