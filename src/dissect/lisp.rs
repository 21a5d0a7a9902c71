//! The control plane of LISP (RFC 9301) over UDP, and its reliable transport over TCP.

use crate::bytes::{Reader, Stop};
use crate::dissect::Dissector;
use crate::dissect::sides::{each, require};
use crate::facts::{Facts, Protocol};
use crate::net::Transport;
use crate::prefix::Prefix;

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
    dissect,
    teach: None,
};

const PORT: u16 = 4342;

fn dissect(prefix: &Prefix<'_>) -> Result<Facts, Stop> {
    each(prefix, |part| match prefix.transport {
        Transport::Tcp => reliable(part),
        _ => registration(part, prefix.has_port(PORT)),
    })
    .map(|()| Facts::of(&PROTOCOL))
}

/// Section 5.6: a Map-Register or Map-Notify with records, a known kind of key and the length of
/// its digest: 2^-7, 2^-4, 2^-13, 2^-14, and on the registered port.
fn registration(bytes: &[u8], home: bool) -> Result<(), Stop> {
    let mut reader = Reader::datagram(bytes);
    let first = reader.u8()?;
    require(home && matches!(first >> 4, 3 | 4))?;
    reader.skip(2)?;
    let records = reader.u8()?;
    require((1..=32).contains(&records))?;
    reader.skip(8)?; // nonce
    let (key, length) = (reader.u16()?, usize::from(reader.u16()?));
    require(key & 0xff <= 5 && matches!(length, 0 | 16 | 20 | 32))?;
    reader.skip(length)?;
    reader.skip(10) // the first record up to its address
}

/// draft-kouvelas-lisp-map-server-reliable-transport: a type, a length, a number, and a mark at the
/// end: 2^-12, 2^-4, 2^-32.
fn reliable(bytes: &[u8]) -> Result<(), Stop> {
    let mut reader = Reader::stream(bytes);
    let (kind, length) = (reader.u16()?, usize::from(reader.u16()?));
    require(matches!(kind, 16..=23) && (12..=4096).contains(&length))?;
    reader.skip(length.saturating_sub(8))?;
    reader.literal(&[0x9f, 0xac, 0xad, 0xe9])
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
