//! Check Point ClusterXL over UDP.

use crate::bytes::{Reader, Stop};
use crate::dissect::Dissector;
use crate::dissect::sides::{each, require};
use crate::facts::{Facts, Protocol};
use crate::net::Transport;
use crate::prefix::Prefix;

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
    dissect,
    teach: None,
};

/// Both ends use the registered port, and a message begins with its mark, a version and a kind:
/// 2^-32, 2^-16, 2^-8.
fn dissect(prefix: &Prefix<'_>) -> Result<Facts, Stop> {
    require(prefix.ends.iter().all(|end| end.port == 8116))?;
    each(prefix, |datagram| {
        let mut reader = Reader::datagram(datagram);
        reader.literal(&[0x1a, 0x90])?;
        reader.skip(4)?; // version, cluster
        let kind = reader.u16()?;
        require(kind <= 0xff)
    })
    .map(|()| Facts::of(&PROTOCOL))
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
