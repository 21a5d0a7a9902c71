//! DLMS/COSEM (IEC 62056): meters over TCP and UDP.

use crate::bytes::{Reader, Stop};
use crate::dissect::Dissector;
use crate::dissect::crc::crc16_reversed;
use crate::dissect::sides::{each, reader, require};
use crate::facts::{Facts, Protocol};
use crate::net::Transport;
use crate::prefix::Prefix;

/// DLMS/COSEM.
pub static PROTOCOL: Protocol = Protocol {
    id: 50205,
    name: "IEC62056",
    category: "infrastructure",
    ports: &[(Transport::Tcp, 4059), (Transport::Udp, 4059)],
};

/// Its messages.
pub static DLMS: Dissector = Dissector {
    name: "dlms",
    over: &[Transport::Tcp, Transport::Udp],
    protocols: &[&PROTOCOL],
    dissect,
    teach: None,
};

/// Reversed polynomial of HDLC's check sequences.
const POLYNOMIAL: u16 = 0x8408;

fn dissect(prefix: &Prefix<'_>) -> Result<Facts, Stop> {
    each(prefix, |part| {
        let reader = reader(prefix.transport, part);
        match part.first() {
            Some(0x7e) => frame(reader, part),
            Some(0x00) => wrapped(reader),
            Some(_) => Err(Stop::NotMine),
            None => Err(Stop::NeedMore),
        }
    })
    .map(|()| Facts::of(&PROTOCOL))
}

/// IEC 62056-46: a flag, frame format 3 and length, the check sequence of the frame, a flag:
/// 2^-8, 2^-4, 2^-16, 2^-8; addresses end in set bits: 2^-2.
fn frame(mut reader: Reader<'_>, bytes: &[u8]) -> Result<(), Stop> {
    reader.skip(1)?;
    let format = reader.u16()?;
    let length = usize::from(format & 0x07ff);
    require(format >> 12 == 0x0a && (7..=2030).contains(&length))?;
    reader.skip(length.saturating_sub(4))?;
    let sum = reader.u16_le()?;
    reader.literal(&[0x7e])?;
    let checked = bytes.get(1..length.saturating_sub(1)).unwrap_or_default();
    require(sum == !crc16_reversed(checked, POLYNOMIAL, 0xffff))
}

/// IEC 62056-47: version 1, two ports of which one is a management device or client below 256, a
/// length, and an association request or answer: 2^-16, 2^-16, 2^-8, 2^-7 and more in its first
/// field.
fn wrapped(mut reader: Reader<'_>) -> Result<(), Stop> {
    reader.literal(&[0, 1, 0])?;
    reader.skip(1)?;
    reader.literal(&[0])?;
    reader.skip(1)?;
    let length = usize::from(reader.u16()?);
    let (tag, inner) = (reader.u8()?, usize::from(reader.u8()?));
    require(matches!(tag, 0x60 | 0x61) && length == inner.saturating_add(2))?;
    let field = reader.u8()?;
    require(matches!(field, 0x80 | 0xa1))
}

#[cfg(test)]
mod tests {
    use crate::dissect::sample::{hex, tcp, udp};

    #[test]
    fn frames_and_wrappers() {
        let normal = hex("7ea0070321930f017e");
        tcp(40000, 4059).original(&normal).survives("IEC62056");
        udp(40000, 4059).original(&normal).survives("IEC62056");
        tcp(40000, 4059).original(hex("7ea0070321930f027e")).is_nobodys();
        let open = hex("0001 0010 0001 000d 600b a109060760857405080101");
        tcp(40000, 4059).original(open).survives("IEC62056");
    }
}
