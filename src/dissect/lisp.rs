//! The control plane of LISP (RFC 9301) over UDP, and its reliable transport over TCP.

use crate::bytes::Stop;
use crate::dissect::sides::require;
use crate::dissect::{Dissector, Part, Question};
use crate::facts::Protocol;
use crate::net::Transport;

/// LISP.
pub static PROTOCOL: Protocol = Protocol {
    id: 236,
    name: "LISP",
    category: "networking",
    ports: &[(Transport::Udp, 4341), (Transport::Udp, 4342), (Transport::Tcp, 4342)],
};

/// Its messages.
pub static LISP: Dissector = Dissector {
    name: "lisp",
    over: &[Transport::Tcp, Transport::Udp],
    protocols: &[&PROTOCOL],
    question: Question::Part(dissect),
    teach: None,
};

const PORT: u16 = 4342;

fn dissect(part: &mut Part<'_>) -> Result<(), Stop> {
    match part.prefix.transport {
        Transport::Tcp => reliable(part),
        _ => registration(part, part.prefix.has_port(PORT)),
    }
}

/// Section 5.6: a Map-Register or Map-Notify with records, a known kind of key and the length of
/// its digest: 2^-7, 2^-4, 2^-13, 2^-14, and on the registered port.
fn registration(part: &mut Part<'_>, home: bool) -> Result<(), Stop> {
    let first = part.u8();
    require(home && matches!(first >> 4, 3 | 4))?;
    part.skip(2);
    let records = part.u8();
    require((1..=32).contains(&records))?;
    part.skip(8); // nonce
    let (key, length) = (part.u16(), usize::from(part.u16()));
    require(key & 0xff <= 5 && matches!(length, 0 | 16 | 20 | 32))?;
    part.skip(length);
    part.skip(10); // the first record up to its address
    Ok(())
}

/// draft-kouvelas-lisp-map-server-reliable-transport: a type, a length, a number, and a mark at the
/// end: 2^-12, 2^-4, 2^-32.
fn reliable(part: &mut Part<'_>) -> Result<(), Stop> {
    let (kind, length) = (part.u16(), usize::from(part.u16()));
    require(matches!(kind, 16..=23) && (12..=4096).contains(&length))?;
    part.skip(length.saturating_sub(8));
    part.literal(&[0x9f, 0xac, 0xad, 0xe9])
}

#[cfg(test)]
mod tests {
    use crate::dissect::sample::{hex, join, tcp, udp};

    #[test]
    fn registrations_and_reliable_messages() {
        let start = hex("32000101 67ab931f9e8b974a 0001 0014");
        let record = hex("000005a0 01201000 0000 0001 0a000002");
        let register = join(&[&start, &[7; 20], &record]);
        udp(4342, 4342).original(&register).survives("LISP");
        udp(4343, 4343).original(register).is_nobodys();
        tcp(40000, 4342).original(hex("0014000f 00000000 0000009facade9")).survives("LISP");
        tcp(40000, 4342).original(hex("0014000f 00000000 0000009facade8")).is_nobodys();
    }
}
