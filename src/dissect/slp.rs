//! Service Location Protocol, versions 1 (RFC 2165) and 2 (RFC 2608).

use crate::bytes::Stop;
use crate::dissect::sides::require;
use crate::dissect::{Dissector, Part, Question};
use crate::facts::Protocol;
use crate::net::Transport;

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
    question: Question::Part(dissect),
    teach: None,
};

fn dissect(part: &mut Part<'_>) -> Result<(), Stop> {
    match part.bytes.first() {
        Some(1) if !part.is_stream() => version_1(part, part.bytes.len()),
        Some(2) => version_2(part, if part.is_stream() { 0 } else { part.bytes.len() }),
        Some(_) => Err(Stop::NotMine),
        None => Err(Stop::NeedMore),
    }
}

/// RFC 2165 section 4.1: version, function, the datagram's length, no dialect, a language and a
/// character set of the registry (3, 4, 106 and such): 2^-8, 2^-4, 2^-16, 2^-8, 2^-6, 2^-6.
fn version_1(part: &mut Part<'_>, whole: usize) -> Result<(), Stop> {
    part.skip(1);
    let (function, length) = (part.u8(), usize::from(part.u16()));
    require(matches!(function, 1..=10) && length == whole)?;
    let (flags, dialect) = (part.u8(), part.u8());
    let language = part.array::<2>();
    let set = part.u16();
    require(flags & 0x07 == 0 && dialect == 0 && set < 1024)?;
    require(language.iter().all(u8::is_ascii_alphabetic))
}

/// RFC 2608 section 8: version, function, 24 bits of length, reserved bits, a language tag: 2^-8,
/// 2^-4, 2^-10, 2^-13, 2^-11 and letters. The length is not less than the datagram, of which a
/// capture may have cut the end.
fn version_2(part: &mut Part<'_>, seen: usize) -> Result<(), Stop> {
    part.skip(1);
    let (function, length) = (part.u8(), usize::try_from(part.u24()).unwrap_or(usize::MAX));
    require(matches!(function, 1..=11) && (16..0x4000).contains(&length) && length >= seen)?;
    let flags = part.u16();
    require(flags & 0x1fff == 0)?;
    part.skip(5); // extension, number
    let language = usize::from(part.u16());
    require((1..=32).contains(&language))?;
    let language = part.take(language);
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
