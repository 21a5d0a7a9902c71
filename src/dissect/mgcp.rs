//! MGCP (RFC 3435) over UDP: commands of call agents and gateways.

use crate::bytes::Stop;
use crate::dissect::sides::{line, require, starts_with_any};
use crate::dissect::{Dissector, Part, Question};
use crate::facts::Protocol;
use crate::net::Transport;

/// MGCP.
pub static PROTOCOL: Protocol = Protocol {
    id: 94,
    name: "MGCP",
    category: "voip",
    ports: &[(Transport::Udp, 2427), (Transport::Udp, 2727)],
};

/// Commands.
pub static MGCP: Dissector = Dissector {
    name: "mgcp",
    over: &[Transport::Udp],
    protocols: &[&PROTOCOL],
    question: Question::Part(dissect),
    teach: None,
};

/// A verb, a transaction, an endpoint, the version.
const LINE_MAX: usize = 512;

/// A verb of section 2.3 (2^-29), four words and the version in the last ones: 2^-90.
fn dissect(part: &mut Part<'_>) -> Result<(), Stop> {
    let verbs: &[&[u8]] =
        &[b"EPCF ", b"CRCX ", b"MDCX ", b"DLCX ", b"RQNT ", b"NTFY ", b"AUEP ", b"AUCX ", b"RSIP "];
    if !starts_with_any(part.bytes, verbs) {
        return Err(Stop::NotMine);
    }
    let first = line(part.bytes, LINE_MAX).map_err(|_| Stop::NotMine)?;
    let mut words = first.split(|&byte| byte == b' ').skip(1);
    let number = words.next().unwrap_or_default();
    let named = words.next().is_some_and(|endpoint| !endpoint.is_empty());
    let version = words.next() == Some(b"MGCP");
    let counted = !number.is_empty() && number.iter().all(u8::is_ascii_digit);
    require(counted && named && version)
}

#[cfg(test)]
mod tests {
    use crate::dissect::sample::udp;

    #[test]
    fn commands_are_mgcp() {
        udp(2427, 2727)
            .original("RSIP 1 *@gw.example MGCP 1.0\r\nRM: restart\r\n")
            .survives("MGCP");
        udp(2427, 2727).original("RSIP x *@gw.example MGCP 1.0\r\n").is_nobodys();
    }
}
