//! Check Point ClusterXL over UDP.

use crate::bytes::Stop;
use crate::dissect::sides::require;
use crate::dissect::{Dissector, Part, Question};
use crate::facts::Protocol;
use crate::net::Transport;

/// CPHA.
pub static PROTOCOL: Protocol = Protocol {
    id: 267,
    name: "CheckPointHA",
    category: "networking",
    ports: &[(Transport::Udp, 8116)],
};

/// Its messages.
pub static CPHA: Dissector = Dissector {
    name: "cpha",
    over: &[Transport::Udp],
    protocols: &[&PROTOCOL],
    question: Question::Part(dissect),
    teach: None,
};

/// Both ends use the registered port, and a message begins with its mark, a version and a kind:
/// 2^-32, 2^-16, 2^-8.
fn dissect(part: &mut Part<'_>) -> Result<(), Stop> {
    require(part.prefix.ends.iter().all(|end| end.port == 8116))?;
    part.literal(&[0x1a, 0x90])?;
    part.skip(4); // version, cluster
    let kind = part.u16();
    require(kind <= 0xff)
}

#[cfg(test)]
mod tests {
    use crate::dissect::sample::{hex, udp};

    #[test]
    fn both_ends_use_the_port() {
        let state = hex("1a900c31 2785 0001 0016793e 0001fffe");
        udp(8116, 8116).original(&state).survives("CheckPointHA");
        udp(8116, 8117).original(state).is_nobodys();
    }
}
