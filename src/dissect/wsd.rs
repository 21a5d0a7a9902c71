//! WS-Discovery (OASIS) over UDP.

use crate::bytes::Stop;
use crate::dissect::sides::{contains_any, require};
use crate::dissect::{Dissector, Part, Question};
use crate::facts::Protocol;
use crate::net::Transport;

/// WS-Discovery.
pub static PROTOCOL: Protocol =
    Protocol { id: 153, name: "WSD", category: "infrastructure", ports: &[(Transport::Udp, 3702)] };

/// Its messages.
pub static WSD: Dissector = Dissector {
    name: "wsd",
    over: &[Transport::Udp],
    protocols: &[&PROTOCOL],
    question: Question::Part(dissect),
    teach: None,
};

/// The namespaces of its versions.
const NAMESPACES: &[&[u8]] =
    &[b"schemas.xmlsoap.org/ws/2005/04/discovery", b"docs.oasis-open.org/ws-dd/ns/discovery"];

/// A text that begins as XML and names the protocol's namespace: more than 2^-64.
fn dissect(part: &mut Part<'_>) -> Result<(), Stop> {
    require(part.bytes.starts_with(b"<"))?;
    require(contains_any(part.bytes, NAMESPACES))
}

#[cfg(test)]
mod tests {
    use crate::dissect::sample::udp;

    #[test]
    fn the_namespace_is_named() {
        let probe = "<?xml version=\"1.0\"?><s:Envelope xmlns:d=\"http://schemas.xmlsoap.org/ws/2005/04/discovery\">";
        udp(40000, 3702).original(probe).survives("WSD");
        udp(40000, 3702).original("<?xml version=\"1.0\"?><hello/>").is_nobodys();
    }
}
