//! AFP in DSI (Apple Filing Protocol) over TCP.

use crate::bytes::Stop;
use crate::dissect::sides::require;
use crate::dissect::{Dissector, Part, Question};
use crate::facts::Protocol;
use crate::net::Transport;

/// AFP.
pub static PROTOCOL: Protocol =
    Protocol { id: 97, name: "AFP", category: "file-server", ports: &[(Transport::Tcp, 548)] };

/// Its messages.
pub static AFP: Dissector = Dissector {
    name: "afp",
    over: &[Transport::Tcp],
    protocols: &[&PROTOCOL],
    // What is mostly zeros has such headers too.
    question: Question::PartAt(&[548], dissect),
    teach: None,
};

/// The DSI header: request or answer, a command, an id, an offset or error, the length of the data,
/// reserved zeros: 2^-7, 2^-5, 2^-32, and 2^-8 for a length below 16 MiB.
fn dissect(part: &mut Part<'_>) -> Result<(), Stop> {
    let (flags, command) = (part.u8(), part.u8());
    require(flags <= 1 && matches!(command, 1..=6 | 8))?;
    part.skip(2);
    let (offset, length) = (part.u32(), part.u32());
    // Only a write has an offset; errors are negative.
    let sane = offset == 0 || (flags == 0 && command == 6) || (flags == 1 && offset > 0xffff_0000);
    require(sane && length < 0x100_0000)?;
    part.literal(&[0; 4])?;
    // Zeros and nothing else would be another's.
    require(part.bytes.get(2..4) != Some(&[0, 0]) || length != 0)
}

#[cfg(test)]
mod tests {
    use crate::dissect::sample::{hex, tcp};

    #[test]
    fn headers_end_in_zeros() {
        let open = hex("0004 0001 00000000 00000006 00000000 0104 00000400");
        tcp(40000, 548).original(open).survives("AFP");
        tcp(40000, 548).original(hex("0004 0001 00000001 00000006 00000000")).is_nobodys();
    }
}
