//! FIX: orders between traders and exchanges (FIX session layer), over TCP.

use crate::bytes::Stop;
use crate::dissect::sides::require;
use crate::dissect::{Dissector, Part, Question};
use crate::facts::Protocol;
use crate::net::Transport;

/// FIX.
pub static PROTOCOL: Protocol =
    Protocol { id: 230, name: "FIX", category: "infrastructure", ports: &[] };

/// Its messages.
pub static FIX: Dissector = Dissector {
    name: "fix",
    over: &[Transport::Tcp],
    protocols: &[&PROTOCOL],
    question: Question::Part(dissect),
    teach: None,
};

/// The first field is the version, the second the length of the body.
fn dissect(part: &mut Part<'_>) -> Result<(), Stop> {
    part.literal(b"8=FIX")?;
    let next = part.u8();
    require(matches!(next, b'.' | b'T'))
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
