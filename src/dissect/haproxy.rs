//! The PROXY protocol in front of a proxied connection (haproxy.org, proxy-protocol.txt), over TCP.

use crate::bytes::Stop;

use crate::dissect::{Dissector, Part, Question};
use crate::facts::Protocol;
use crate::net::Transport;

/// PROXY.
pub static PROTOCOL: Protocol =
    Protocol { id: 328, name: "HAProxy", category: "proxy", ports: &[] };

/// Its messages.
pub static HAPROXY: Dissector = Dissector {
    name: "haproxy",
    over: &[Transport::Tcp],
    protocols: &[&PROTOCOL],
    question: Question::Part(dissect),
    teach: None,
};

/// Section 2.2.
const SIGNATURE: &[u8] = b"\r\n\r\n\0\r\nQUIT\n";

/// The line of version 1 names the addresses' family; version 2 has a signature of 12 bytes.
fn dissect(part: &mut Part<'_>) -> Result<(), Stop> {
    let openings: &[&[u8]] = &[b"PROXY TCP4 ", b"PROXY TCP6 ", b"PROXY UNKNOWN", SIGNATURE];
    part.one_of(openings)
}

#[cfg(test)]
mod tests {
    use crate::dissect::sample::tcp;

    #[test]
    fn both_versions() {
        tcp(40000, 443).original("PROXY TCP4 192.0.2.1 192.0.2.2 1 2\r\n").survives("HAProxy");
        tcp(40000, 443).original("\r\n\r\n\0\r\nQUIT\n\x21\x11\0\x0c").survives("HAProxy");
        tcp(40000, 443).original("PROXY TCP5 192.0.2.1\r\n").is_nobodys();
    }
}
