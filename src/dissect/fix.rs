//! FIX: orders between traders and exchanges (FIX session layer), over TCP.

use crate::bytes::{Reader, Stop};
use crate::dissect::Dissector;
use crate::dissect::sides::{each, require};
use crate::facts::{Facts, Protocol};
use crate::net::Transport;
use crate::prefix::Prefix;

/// FIX.
pub static PROTOCOL: Protocol =
    Protocol { id: 230, name: "FIX", category: "infrastructure", ports: &[] };

/// Its messages.
pub static FIX: Dissector = Dissector {
    name: "fix",
    over: &[Transport::Tcp],
    protocols: &[&PROTOCOL],
    dissect,
    teach: None,
};

/// The first field is the version, the second the length of the body.
fn dissect(prefix: &Prefix<'_>) -> Result<Facts, Stop> {
    each(prefix, |side| {
        let mut reader = Reader::stream(side);
        reader.literal(b"8=FIX")?;
        let next = reader.u8()?;
        require(matches!(next, b'.' | b'T'))
    })
    .map(|()| Facts::of(&PROTOCOL))
}

#[cfg(test)]
mod tests {
    use crate::dissect::sample::tcp;

    #[test]
    fn messages_begin_with_the_version() {
        tcp(40000, 1024).original("8=FIX.4.2\x019=62\x0135=A\x01").survives("FIX");
        tcp(40000, 1024).original("8=FIXED").is_nobodys();
    }
}
