//! The channel that Alibaba Cloud hosts keep to their management, over TCP.

use crate::bytes::{Reader, Stop};
use crate::dissect::Dissector;
use crate::dissect::sides::{each, require};
use crate::facts::{Facts, Protocol};
use crate::net::Transport;
use crate::prefix::Prefix;

/// Alibaba Cloud.
pub static PROTOCOL: Protocol =
    Protocol { id: 301, name: "Alibaba/Cloud", category: "infrastructure", ports: &[] };

/// Its messages.
pub static ALIBABA: Dissector = Dissector {
    name: "alibaba",
    over: &[Transport::Tcp],
    protocols: &[&PROTOCOL],
    dissect,
    teach: None,
};

/// A mark, and a little-endian length below 64 KiB: 2^-48. Nothing public tells more of it.
fn dissect(prefix: &Prefix<'_>) -> Result<Facts, Stop> {
    each(prefix, |side| {
        let mut reader = Reader::stream(side);
        reader.literal(&[0xce, 0xfa, 0xbe, 0xba])?;
        let length = reader.u32_le()?;
        require((1..0x1_0000).contains(&length))
    })
    .map(|()| Facts::of(&PROTOCOL))
}

#[cfg(test)]
mod tests {
    use crate::dissect::sample::{hex, tcp};

    #[test]
    fn messages_begin_with_the_mark() {
        tcp(40000, 8999).original(hex("cefabeba80000000")).survives("Alibaba/Cloud");
        tcp(40000, 8999).original(hex("cefabeba80000001")).is_nobodys();
        tcp(40000, 8999).original(hex("cefabebb80000000")).is_nobodys();
    }
}
