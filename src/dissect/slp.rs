//! Service Location Protocol, versions 1 (RFC 2165) and 2 (RFC 2608).

use crate::bytes::{Reader, Stop};
use crate::dissect::Dissector;
use crate::dissect::sides::{each, reader, require};
use crate::facts::{Facts, Protocol};
use crate::net::Transport;
use crate::prefix::Prefix;

/// SLP.
pub static PROTOCOL: Protocol = Protocol {
    id: 325,
    name: "SLP",
    category: "infrastructure",
    ports: &[(Transport::Tcp, 427), (Transport::Udp, 427)],
};

/// Its messages.
pub static SLP: Dissector = Dissector {
    name: "slp",
    over: &[Transport::Tcp, Transport::Udp],
    protocols: &[&PROTOCOL],
    dissect,
    teach: None,
};

fn dissect(prefix: &Prefix<'_>) -> Result<Facts, Stop> {
    each(prefix, |part| {
        let stream = prefix.transport == Transport::Tcp;
        let reader = reader(prefix.transport, part);
        match part.first() {
            Some(1) if !stream => version_1(reader, part.len()),
            Some(2) => version_2(reader, if stream { 0 } else { part.len() }),
            Some(_) => Err(Stop::NotMine),
            None => Err(Stop::NeedMore),
        }
    })
    .map(|()| Facts::of(&PROTOCOL))
}

/// RFC 2165 section 4.1: version, function, the datagram's length, no dialect, a language and a
/// character set of the registry (3, 4, 106 and such): 2^-8, 2^-4, 2^-16, 2^-8, 2^-6, 2^-6.
fn version_1(mut reader: Reader<'_>, whole: usize) -> Result<(), Stop> {
    reader.skip(1)?;
    let (function, length) = (reader.u8()?, usize::from(reader.u16()?));
    require(matches!(function, 1..=10) && length == whole)?;
    let (flags, dialect) = (reader.u8()?, reader.u8()?);
    let language = reader.array::<2>()?;
    let set = reader.u16()?;
    require(flags & 0x07 == 0 && dialect == 0 && set < 1024)?;
    require(language.iter().all(u8::is_ascii_alphabetic))
}

/// RFC 2608 section 8: version, function, 24 bits of length, reserved bits, a language tag: 2^-8,
/// 2^-4, 2^-10, 2^-13, 2^-11 and letters. The length is not less than the datagram, of which a
/// capture may have cut the end.
fn version_2(mut reader: Reader<'_>, seen: usize) -> Result<(), Stop> {
    reader.skip(1)?;
    let (function, length) = (reader.u8()?, usize::try_from(reader.u24()?).unwrap_or(usize::MAX));
    require(matches!(function, 1..=11) && (16..0x4000).contains(&length) && length >= seen)?;
    let flags = reader.u16()?;
    require(flags & 0x1fff == 0)?;
    reader.skip(5)?; // extension, number
    let language = usize::from(reader.u16()?);
    require((1..=32).contains(&language))?;
    let language = reader.take(language)?;
    require(language.iter().all(|&byte| byte.is_ascii_alphanumeric() || byte == b'-'))
}

#[cfg(test)]
mod tests {
    use crate::dissect::sample::{hex, tcp, udp};

    #[test]
    fn both_versions_tell_their_length() {
        let request = hex("020900001d 0000 000000 9df6 0002656e 0000ffff 0007 44454641554c54");
        udp(40000, 427).original(&request).survives("SLP");
        udp(40000, 9427).original(&request).survives("SLP");
        let mut damaged = request;
        damaged[4] = 0x1c;
        udp(40000, 427).original(damaged).is_nobodys();
        let stream = hex("020100001d 0000 000000 9df6 0002656e 0000ffff 0007 44454641554c54");
        tcp(40000, 427).original(stream).survives("SLP");
        let old = hex("01090019 0000656e 000394fd 0000ffff 0007 64656661756c74");
        udp(40000, 427).original(old).survives("SLP");
    }
}
