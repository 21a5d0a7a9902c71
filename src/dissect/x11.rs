//! X11 over TCP.

use crate::bytes::{Reader, Stop};
use crate::dissect::Dissector;
use crate::dissect::sides::{each, require};
use crate::facts::{Facts, Protocol};
use crate::net::Transport;
use crate::prefix::Prefix;

/// X11.
pub static PROTOCOL: Protocol = Protocol {
    id: 50241,
    name: "X11",
    category: "remote-desktop",
    ports: &[(Transport::Tcp, 6000)],
};

/// Its messages.
pub static X11: Dissector = Dissector {
    name: "x11",
    over: &[Transport::Tcp],
    protocols: &[&PROTOCOL],
    dissect,
    teach: None,
};

/// X Window System Protocol, chapter 8: byte order, an unused byte, version 11.0, the length of the
/// name of the authorisation, none or MIT-MAGIC-COOKIE-1 or such, and of its data: 2^-7, 2^-32,
/// 2^-20.
fn dissect(prefix: &Prefix<'_>) -> Result<Facts, Stop> {
    each(prefix, |side| {
        let mut reader = Reader::stream(side);
        let order = reader.u8()?;
        require(matches!(order, b'l' | b'B'))?;
        reader.literal(&[0])?;
        let fields = reader.array::<8>()?;
        let number = |at: usize| match fields.get(at..at.saturating_add(2)) {
            Some(&[a, b]) if order == b'l' => u16::from_le_bytes([a, b]),
            Some(&[a, b]) => u16::from_be_bytes([a, b]),
            _ => 0,
        };
        require(number(0) == 11 && number(2) == 0 && number(4) <= 64 && number(6) <= 256)?;
        reader.literal(&[0, 0])
    })
    .map(|()| Facts::of(&PROTOCOL))
}

#[cfg(test)]
mod tests {
    use crate::dissect::sample::{hex, tcp};

    #[test]
    fn setups_tell_order_and_version() {
        tcp(40000, 6000).original(hex("6c00 0b00 0000 0000 0000 0000")).survives("X11");
        tcp(40000, 6000).original(hex("4200 000b 0000 0000 0000 0000")).survives("X11");
        tcp(40000, 6000).original(hex("6c00 0c00 0000 0000 0000 0000")).is_nobodys();
    }
}
