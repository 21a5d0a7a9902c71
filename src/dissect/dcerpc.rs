//! DCE/RPC (Open Group C706) over TCP, and over UDP as PROFINET uses it.

use crate::bytes::Stop;
use crate::dissect::sides::require;
use crate::dissect::{Dissector, Part, Question};
use crate::facts::Protocol;
use crate::net::Transport;

/// DCE/RPC.
pub static PROTOCOL: Protocol = Protocol {
    id: 50213,
    name: "DCERPC",
    category: "infrastructure",
    ports: &[(Transport::Tcp, 135), (Transport::Udp, 34964)],
};

/// Its messages.
pub static DCERPC: Dissector = Dissector {
    name: "dcerpc",
    over: &[Transport::Tcp, Transport::Udp],
    protocols: &[&PROTOCOL],
    question: Question::Part(dissect),
    teach: None,
};

fn dissect(part: &mut Part<'_>) -> Result<(), Stop> {
    match part.prefix.transport {
        Transport::Tcp => connected(part),
        _ => connectionless(part),
    }
}

/// Section 12.6.3: version 5.0 or 5.1, a type, how data are written, a length: 2^-15, 2^-4, 2^-29.
fn connected(part: &mut Part<'_>) -> Result<(), Stop> {
    part.literal(&[5])?;
    let (minor, kind, _flags) = (part.u8(), part.u8(), part.u8());
    require(minor <= 1 && kind <= 19)?;
    let order = part.u8();
    require(matches!(order, 0x00 | 0x10))?;
    part.literal(&[0; 3])?;
    let length = if order == 0 { part.u16() } else { part.u16_le() };
    require((16..=0x4000).contains(&length))
}

/// Section 12.5.2: version 4, a type, reserved flags, how data are written, and 80 bytes of header
/// that announce the rest: 2^-8, 2^-4, 2^-7, 2^-20, 2^-16.
fn connectionless(part: &mut Part<'_>) -> Result<(), Stop> {
    part.literal(&[4])?;
    let (kind, _flags, reserved, order) = (part.u8(), part.u8(), part.u8(), part.u8());
    require(kind <= 10 && reserved & 0xfc == 0 && matches!(order, 0x00 | 0x10))?;
    part.literal(&[0; 2])?;
    part.skip(67);
    let length = if order == 0 { part.u16() } else { part.u16_le() };
    part.skip(4); // fragment, authentication, serial
    require(usize::from(length) == part.len())
}

#[cfg(test)]
mod tests {
    use crate::dissect::sample::{hex, join, tcp, udp};

    #[test]
    fn both_headers_say_how_data_are_written() {
        let bind = hex("05000b03 10000000 4800 0000 01000000 b810b810 00000000");
        tcp(40000, 135).original(bind).survives("DCERPC");
        let head = hex("04000800 100000 00");
        let call = join(&[&head, &[7; 66], &hex("0400 0000 00 00"), b"data"]);
        udp(40000, 34964).original(&call).survives("DCERPC");
        udp(40000, 34964).original(&call[..83]).is_nobodys();
        tcp(40000, 135).original(hex("05000b03 11000000 4800 0000 01000000")).is_nobodys();
    }
}
