//! San Andreas Multiplayer and open.mp over UDP: queries of servers.
//!
//! open.mp documentation, "Query mechanism": `SAMP`, the server's address and port, a letter.

use std::net::IpAddr;

use crate::bytes::Stop;
use crate::dissect::sides::require;
use crate::dissect::{Dissector, Part, Question};
use crate::facts::Protocol;
use crate::net::Transport;

/// SA-MP.
pub static PROTOCOL: Protocol =
    Protocol { id: 50122, name: "SA-MP", category: "games", ports: &[] };

/// Queries and answers.
pub static SAMP: Dissector = Dissector {
    name: "samp",
    over: &[Transport::Udp],
    protocols: &[&PROTOCOL],
    question: Question::Part(dissect),
    teach: None,
};

/// Four letters (2^-32), an end of the flow (2^-47), a letter (2^-5).
fn dissect(part: &mut Part<'_>) -> Result<(), Stop> {
    part.literal(b"SAMP")?;
    let addr = IpAddr::from(part.array::<4>());
    let port = part.u16_le();
    let letter = part.u8();
    // A player behind the server's own router may write another address of it.
    let ours = part.prefix.ends.iter().any(|end| end.port == port || end.addr == addr);
    require(ours && b"ircdpxo".contains(&letter))
}

#[cfg(test)]
mod tests {
    use crate::dissect::sample::{hex, join, udp};

    #[test]
    fn queries_repeat_where_they_go() {
        let query = join(&[b"SAMP", &hex("cb007109 611e"), b"i"]);
        udp(50000, 7777).original(&query).survives("SA-MP");
        let other = join(&[b"SAMP", &hex("0a000001 0101"), b"i"]);
        udp(50000, 7777).original(other).is_nobodys();
    }
}
