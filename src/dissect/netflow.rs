//! NetFlow 5 and 9 (RFC 3954) and IPFIX (RFC 7011) over UDP.

use crate::bytes::{Reader, Stop};
use crate::dissect::Dissector;
use crate::dissect::sides::each;
use crate::facts::{Facts, Protocol};
use crate::net::Transport;
use crate::prefix::Prefix;

/// NetFlow and its standard.
pub static PROTOCOL: Protocol = Protocol {
    id: 128,
    name: "NetFlow",
    category: "infrastructure",
    ports: &[(Transport::Udp, 2055), (Transport::Udp, 4739)],
};

/// Exports of flows.
pub static NETFLOW: Dissector = Dissector {
    name: "netflow",
    over: &[Transport::Udp],
    protocols: &[&PROTOCOL],
    dissect,
    teach: None,
};

/// Sets in a datagram.
const PARTS_MAX: usize = 256;

fn dissect(prefix: &Prefix<'_>) -> Result<Facts, Stop> {
    each(prefix, |datagram| {
        let mut reader = Reader::datagram(datagram);
        match reader.u16()? {
            5 => version_5(datagram, &mut reader)?,
            9 => {
                let count = reader.u16()?;
                reader.skip(16)?; // uptime, time, sequence, source
                if count == 0 {
                    return Err(Stop::NotMine);
                }
                sets(&mut reader, 0)?;
            }
            10 => {
                if usize::from(reader.u16()?) != datagram.len() {
                    return Err(Stop::NotMine);
                }
                reader.skip(12)?; // time, sequence, domain
                sets(&mut reader, 2)?;
            }
            _ => return Err(Stop::NotMine),
        }
        Ok(Facts::of(&PROTOCOL))
    })
}

/// 24 bytes and 48 for each of at most 30 records: 2^-26, and a time of this century with
/// nanoseconds below a second: 2^-3.
fn version_5(datagram: &[u8], reader: &mut Reader<'_>) -> Result<(), Stop> {
    let count = usize::from(reader.u16()?);
    reader.skip(4)?;
    let (seconds, nanos) = (reader.u32()?, reader.u32()?);
    let exact = datagram.len() == count.saturating_mul(48).saturating_add(24);
    if (1..=30).contains(&count) && exact && seconds > 0x3800_0000 && nanos < 1_000_000_000 {
        Ok(())
    } else {
        Err(Stop::NotMine)
    }
}

/// Sets of templates, options or data whose lengths fill the rest.
fn sets(reader: &mut Reader<'_>, template: u16) -> Result<(), Stop> {
    for _ in 0..PARTS_MAX {
        let (id, length) = (reader.u16()?, usize::from(reader.u16()?));
        let known = id == template || id == template.saturating_add(1) || id >= 256;
        let body = length.checked_sub(4).filter(|body| *body > 0).ok_or(Stop::NotMine)?;
        if !known {
            return Err(Stop::NotMine);
        }
        reader.skip(body)?;
        if reader.is_empty() {
            return Ok(());
        }
    }
    Err(Stop::NotMine)
}

#[cfg(test)]
mod tests {
    use crate::dissect::sample::{hex, join, udp};

    #[test]
    fn lengths_fill_the_datagram() {
        let five =
            join(&[&hex("0005 0001 00001000 65000000 00000000 00000000 0000 0000"), &[0; 48]]);
        udp(40000, 2055).original(&five).survives("NetFlow");
        udp(40000, 2055).original(&five[..71]).is_nobodys();
        let nine =
            hex("0009 0001 00001000 65000000 00000001 00000000 0000 000c 0100 0001 0008 0004");
        udp(40000, 2055).original(&nine).survives("NetFlow");
        let ten = hex("000a 001c 65000000 00000001 00000000 0002 000c 0100 0001 0008 0004");
        udp(40000, 4739).original(&ten).survives("NetFlow");
        let mut damaged = ten;
        damaged[19] = 13;
        udp(40000, 4739).original(damaged).is_nobodys();
    }
}
