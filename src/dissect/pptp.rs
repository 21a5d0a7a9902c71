//! PPTP (RFC 2637): the control connection over TCP.

use crate::bytes::{Reader, Stop};
use crate::dissect::Dissector;
use crate::dissect::sides::{each, require};
use crate::facts::{Facts, Protocol};
use crate::net::Transport;
use crate::prefix::Prefix;

/// PPTP.
pub static PROTOCOL: Protocol =
    Protocol { id: 115, name: "PPTP", category: "vpn", ports: &[(Transport::Tcp, 1723)] };

/// Its messages.
pub static PPTP: Dissector = Dissector {
    name: "pptp",
    over: &[Transport::Tcp],
    protocols: &[&PROTOCOL],
    dissect,
    teach: None,
};

/// Section 1.5: a length, a control message, the magic cookie: 2^-6, 2^-16, 2^-32.
fn dissect(prefix: &Prefix<'_>) -> Result<Facts, Stop> {
    each(prefix, |side| {
        let mut reader = Reader::stream(side);
        let length = reader.u16()?;
        require((12..=512).contains(&length))?;
        reader.literal(&[0, 1, 0x1a, 0x2b, 0x3c, 0x4d])
    })
    .map(|()| Facts::of(&PROTOCOL))
}

#[cfg(test)]
mod tests {
    use crate::dissect::sample::{hex, tcp};

    #[test]
    fn the_cookie_is_there() {
        tcp(40000, 1723).original(hex("009c 0001 1a2b3c4d 0001 0000 0100 0000")).survives("PPTP");
        tcp(40000, 1723).original(hex("009c 0001 1a2b3c4e 0001 0000 0100 0000")).is_nobodys();
    }
}
