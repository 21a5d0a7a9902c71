//! Apache Thrift, strict binary and framed, over TCP.

use crate::bytes::{Reader, Stop};
use crate::dissect::Dissector;
use crate::dissect::sides::{each, require};
use crate::facts::{Facts, Protocol};
use crate::net::Transport;
use crate::prefix::Prefix;

/// Thrift.
pub static PROTOCOL: Protocol =
    Protocol { id: 324, name: "ApacheThrift", category: "infrastructure", ports: &[] };

/// Its messages.
pub static THRIFT: Dissector = Dissector {
    name: "thrift",
    over: &[Transport::Tcp],
    protocols: &[&PROTOCOL],
    dissect,
    teach: None,
};

/// thrift-binary-protocol.md: version 1, a type of four, and a method's name: 2^-30, 2^-22 for its
/// length, letters. A frame's length may stand in front.
fn dissect(prefix: &Prefix<'_>) -> Result<Facts, Stop> {
    each(prefix, |side| {
        let mut reader = Reader::stream(side);
        let first = reader.u32()?;
        let version = if first < 0x0100_0000 { reader.u32()? } else { first };
        require(version & 0xffff_ff00 == 0x8001_0000 && matches!(version & 0xff, 1..=4))?;
        let length = reader.u32()?;
        require((1..=255).contains(&length))?;
        let name = reader.take(usize::try_from(length).unwrap_or_default())?;
        require(name.iter().all(|byte| byte.is_ascii_alphanumeric() || b"_:.".contains(byte)))
    })
    .map(|()| Facts::of(&PROTOCOL))
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
