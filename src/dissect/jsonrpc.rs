//! JSON-RPC 2.0 over TCP without HTTP (jsonrpc.org/specification).

use crate::bytes::Stop;
use crate::dissect::sides::{contains, contains_any};
use crate::dissect::{Dissector, Part, Question};
use crate::facts::Protocol;
use crate::net::Transport;

/// JSON-RPC.
pub static PROTOCOL: Protocol =
    Protocol { id: 50103, name: "JSON-RPC", category: "infrastructure", ports: &[] };

/// Calls and results.
pub static JSONRPC: Dissector = Dissector {
    name: "jsonrpc",
    over: &[Transport::Tcp],
    protocols: &[&PROTOCOL],
    question: Question::Part(dissect),
    teach: None,
};

/// Members stand in the first bytes.
const HEAD_MAX: usize = 512;

/// An object (or a batch of them) of JSON that says its version and has a member of the
/// specification: 2^-96. Editors' language servers put a header in front.
fn dissect(part: &mut Part<'_>) -> Result<(), Stop> {
    let object = part.bytes.strip_prefix(b"[").unwrap_or(part.bytes);
    let framed = part.bytes.starts_with(b"Content-Length: ");
    if !framed && !object.is_empty() && object.first() != Some(&b'{') {
        return Err(Stop::NotMine);
    }
    let head = part.bytes.get(..HEAD_MAX).unwrap_or(part.bytes);
    let version = contains(head, b"\"jsonrpc\":\"2.0\"") || contains(head, b"\"jsonrpc\": \"2.0\"");
    let members: &[&[u8]] = &[b"\"method\":", b"\"result\":", b"\"error\":"];
    if version && contains_any(head, members) {
        return Ok(());
    }
    Err(if part.bytes.len() < HEAD_MAX { Stop::NeedMore } else { Stop::NotMine })
}

#[cfg(test)]
mod tests {
    use crate::dissect::sample::tcp;

    #[test]
    fn calls_and_results_say_their_version() {
        tcp(36646, 8080)
            .original(
                "{\"jsonrpc\": \"2.0\", \"method\": \"echo\", \"params\": [\"x\"], \"id\": 1}",
            )
            .survives("JSON-RPC");
        tcp(36646, 8080)
            .reply("[{\"jsonrpc\":\"2.0\",\"id\":1,\"result\":2}]")
            .survives("JSON-RPC");
        tcp(36646, 8080)
            .original(
                "Content-Length: 44\r\n\r\n{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"shutdown\"}",
            )
            .survives("JSON-RPC");
        tcp(36646, 8080).original("{\"jsonrpc\": \"1.0\", \"method\": \"echo\"}").is_nobodys();
    }
}
