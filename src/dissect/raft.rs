//! Raft as dqlite and its library speak it, over TCP.

use crate::bytes::Stop;
use crate::dissect::sides::require;
use crate::dissect::{Dissector, Part, Question};
use crate::facts::Protocol;
use crate::net::Transport;

/// Raft.
pub static PROTOCOL: Protocol =
    Protocol { id: 50222, name: "Raft", category: "database", ports: &[] };

/// Its messages.
pub static RAFT: Dissector = Dissector {
    name: "raft",
    over: &[Transport::Tcp],
    protocols: &[&PROTOCOL],
    question: Question::Part(dissect),
    teach: None,
};

/// The handshake of the library's transport: words of 8 bytes: version 1, the server's id, the
/// length of its address, then the address with a port, padded with zeros: 2^-64, 2^-56 and more.
fn dissect(part: &mut Part<'_>) -> Result<(), Stop> {
    part.literal(&[1, 0, 0, 0, 0, 0, 0, 0])?;
    part.skip(8);
    let length = usize::from(part.u8());
    part.literal(&[0; 7])?;
    require(length.is_multiple_of(8) && (8..=128).contains(&length))?;
    let address = part.take(length);
    let text = address.split(|&byte| byte == 0).next().unwrap_or_default();
    require(text.iter().all(u8::is_ascii_graphic) && text.contains(&b':'))
}

#[cfg(test)]
mod tests {
    use crate::dissect::sample::{hex, join, tcp};

    #[test]
    fn the_address_is_told_first() {
        let hello = join(&[
            &hex("0100000000000000 0100000000000000 1000000000000000"),
            b"192.0.2.1:9001\0\0",
        ]);
        tcp(40000, 9002).original(&hello).survives("Raft");
        tcp(40000, 9002)
            .original(hex("0200000000000000 0100000000000000 1000000000000000"))
            .is_nobodys();
    }
}
