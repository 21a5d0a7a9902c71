//! X11 over TCP: the set-up of a connection (X Window System Protocol, section "Connection setup").

use crate::bytes::{Reader, Stop};
use crate::dissect::Dissector;
use crate::dissect::sides::each;
use crate::facts::{Facts, Protocol};
use crate::net::Transport;
use crate::prefix::Prefix;

/// X11 (IANA: ports 6000 to 6063).
pub static PROTOCOL: Protocol = Protocol {
    id: 50127,
    name: "X11",
    category: "remote-desktop",
    ports: &[(Transport::Tcp, 6000), (Transport::Tcp, 6001)],
};

/// Set-ups of a client.
pub static X11: Dissector = Dissector {
    name: "x11",
    over: &[Transport::Tcp],
    protocols: &[&PROTOCOL],
    dissect,
    teach: None,
};

const COOKIE: &[u8] = b"MIT-MAGIC-COOKIE-1";

/// The order of bytes, version 11.0 (2^-48); then no authorization (2^-48), or the one in use.
fn dissect(prefix: &Prefix<'_>) -> Result<Facts, Stop> {
    each(prefix, |side| {
        let mut reader = Reader::stream(side);
        let little = match reader.u8()? {
            b'l' => true,
            b'B' => false,
            _ => return Err(Stop::NotMine),
        };
        reader.literal(&[0])?;
        let mut number = || if little { reader.u16_le() } else { reader.u16() };
        let version = (number()?, number()?);
        let (name, _value) = (usize::from(number()?), number()?);
        reader.literal(&[0, 0])?;
        if version != (11, 0) || !(name == 0 || name == COOKIE.len()) {
            return Err(Stop::NotMine);
        }
        if name > 0 {
            reader.literal(COOKIE)?;
        }
        Ok(Facts::of(&PROTOCOL))
    })
}

#[cfg(test)]
mod tests {
    use crate::dissect::sample::{hex, join, tcp};

    #[test]
    fn both_orders_of_bytes_are_x11() {
        tcp(40000, 6000).original(hex("6c00 0b00 0000 0000 0000 0000")).survives("X11");
        let cookie =
            join(&[&hex("4200 000b 0000 0012 0010 0000"), b"MIT-MAGIC-COOKIE-1", &[0; 18]]);
        tcp(40000, 6000).original(&cookie).survives("X11");
        let mut damaged = cookie;
        damaged[7] = 0x13;
        tcp(40000, 6000).original(damaged).is_nobodys();
    }
}
