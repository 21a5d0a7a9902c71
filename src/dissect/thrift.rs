//! Apache Thrift, strict binary and framed, over TCP.

use crate::bytes::Stop;
use crate::dissect::sides::require;
use crate::dissect::{Dissector, Part, Question};
use crate::facts::Protocol;
use crate::net::Transport;

/// Thrift.
pub static PROTOCOL: Protocol =
    Protocol { id: 324, name: "ApacheThrift", category: "infrastructure", ports: &[] };

/// Its messages.
pub static THRIFT: Dissector = Dissector {
    name: "thrift",
    over: &[Transport::Tcp],
    protocols: &[&PROTOCOL],
    question: Question::Part(dissect),
    teach: None,
};

/// thrift-binary-protocol.md: version 1, a type of four, and a method's name: 2^-30, 2^-22 for its
/// length, letters. A frame's length may stand in front.
fn dissect(part: &mut Part<'_>) -> Result<(), Stop> {
    let first = part.u32();
    let version = if first < 0x0100_0000 { part.u32() } else { first };
    require(version & 0xffff_ff00 == 0x8001_0000 && matches!(version & 0xff, 1..=4))?;
    let length = part.u32();
    require((1..=255).contains(&length))?;
    let name = part.take(usize::try_from(length).unwrap_or_default());
    require(name.iter().all(|byte| byte.is_ascii_alphanumeric() || b"_:.".contains(byte)))
}

#[cfg(test)]
mod tests {
    use crate::dissect::sample::{hex, join, tcp};

    #[test]
    fn calls_name_a_method() {
        let call = join(&[&hex("80010001 00000004"), b"ping", &hex("00000001 00")]);
        tcp(40000, 9090).original(&call).survives("ApacheThrift");
        tcp(40000, 9090).original(join(&[&hex("00000011"), &call])).survives("ApacheThrift");
        tcp(40000, 9090).original(hex("80010005 00000004 70696e67")).is_nobodys();
    }
}
