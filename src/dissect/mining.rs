//! Mining pools: Stratum and its kin, JSON lines over TCP.
//!
//! Methods of Stratum version 1 ("mining.subscribe" ...), of Ethereum's pools (EIP-1571 and
//! eth-proxy) and of Monero's (a login with an agent).

use crate::bytes::Stop;
use crate::dissect::sides::{contains, contains_any};
use crate::dissect::{Dissector, Part, Question};
use crate::facts::Protocol;
use crate::net::Transport;

/// Mining.
pub static PROTOCOL: Protocol =
    Protocol { id: 42, name: "Mining", category: "networking", ports: &[] };

/// Calls of either side.
pub static MINING: Dissector = Dissector {
    name: "mining",
    over: &[Transport::Tcp],
    protocols: &[&PROTOCOL],
    question: Question::Part(dissect),
    teach: None,
};

/// A call stands in the first bytes.
const CALL_MAX: usize = 512;

/// An object of JSON with a method of ten letters or more: 2^-80.
fn dissect(part: &mut Part<'_>) -> Result<(), Stop> {
    if part.bytes.first() != Some(&b'{') {
        return Err(Stop::NotMine);
    }
    let head = part.bytes.get(..CALL_MAX).unwrap_or(part.bytes);
    let known: &[&[u8]] = &[
        b"\"mining.subscribe\"",
        b"\"mining.authorize\"",
        b"\"mining.configure\"",
        b"\"mining.notify\"",
        b"\"mining.set_difficulty\"",
        b"\"mining.extranonce.subscribe\"",
        b"\"mining.hello\"",
        b"\"eth_submitLogin\"",
        b"\"eth_getWork\"",
        b"\"eth_submitWork\"",
        b"\"eth_submitHashrate\"",
    ];
    let login = contains(head, b"\"login\"") && contains(head, b"\"pass\"");
    let agent = contains(head, b"\"agent\"") || contains(head, b"\"algo\"");
    if contains_any(head, known) || (login && agent) {
        return Ok(());
    }
    let open = part.bytes.len() < CALL_MAX && !head.contains(&b'\n');
    Err(if open { Stop::NeedMore } else { Stop::NotMine })
}

#[cfg(test)]
mod tests {
    use crate::dissect::sample::tcp;

    #[test]
    fn calls_of_pools_are_mining() {
        let subscribe = "{\"id\": 1, \"method\": \"mining.subscribe\", \"params\": []}\n";
        tcp(40000, 3333).original(subscribe).survives("Mining");
        let login = "{\"id\":1,\"jsonrpc\":\"2.0\",\"method\":\"login\",\"params\":{\"login\":\"4x\",\
            \"pass\":\"x\",\"agent\":\"XMRig/6\"}}\n";
        tcp(40000, 14444).original(login).survives_as("Mining", "JSON-RPC");
        tcp(40000, 14444).original("{\"id\": 1, \"method\": \"other\"}\n").is_nobodys();
    }
}
