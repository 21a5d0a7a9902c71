//! X11 over TCP: the set-up of a connection (X Window System Protocol, section "Connection setup").

use crate::bytes::Stop;
use crate::dissect::{Dissector, Part, Question};
use crate::facts::Protocol;
use crate::net::Transport;

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
    question: Question::Part(dissect),
    teach: None,
};

const COOKIE: &[u8] = b"MIT-MAGIC-COOKIE-1";

/// The order of bytes, version 11.0 (2^-48); then no authorization (2^-48), or the one in use.
fn dissect(part: &mut Part<'_>) -> Result<(), Stop> {
    let little = match part.u8() {
        b'l' => true,
        b'B' => false,
        _ => return Err(Stop::NotMine),
    };
    part.literal(&[0])?;
    let mut number = || if little { part.u16_le() } else { part.u16() };
    let version = (number(), number());
    let (name, _value) = (usize::from(number()), number());
    part.literal(&[0, 0])?;
    if version != (11, 0) || !(name == 0 || name == COOKIE.len()) {
        return Err(Stop::NotMine);
    }
    if name > 0 {
        part.literal(COOKIE)?;
    }
    Ok(())
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
