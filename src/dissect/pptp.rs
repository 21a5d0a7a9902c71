//! PPTP (RFC 2637): the control connection over TCP.

use crate::bytes::Stop;
use crate::dissect::sides::require;
use crate::dissect::{Dissector, Part, Question};
use crate::facts::Protocol;
use crate::net::Transport;

/// PPTP.
pub static PROTOCOL: Protocol =
    Protocol { id: 115, name: "PPTP", category: "vpn", ports: &[(Transport::Tcp, 1723)] };

/// Its messages.
pub static PPTP: Dissector = Dissector {
    name: "pptp",
    over: &[Transport::Tcp],
    protocols: &[&PROTOCOL],
    question: Question::Part(dissect),
    teach: None,
};

/// Section 1.5: a length, a control message, the magic cookie: 2^-6, 2^-16, 2^-32.
fn dissect(part: &mut Part<'_>) -> Result<(), Stop> {
    let length = part.u16();
    require((12..=512).contains(&length))?;
    part.literal(&[0, 1, 0x1a, 0x2b, 0x3c, 0x4d])
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
