//! IKE (RFC 7296 section 3.1; IKEv1 RFC 2408) on UDP, also behind the marker of RFC 3948.

use crate::bytes::{Reader, Stop};
use crate::dissect::ip::IPSEC;
use crate::dissect::{Dissector, Part, Question};
use crate::net::Transport;

/// Key exchange, named as what it opens.
pub static IKE: Dissector = Dissector {
    name: "ike",
    over: &[Transport::Udp],
    protocols: &[&IPSEC],
    question: Question::Part(dissect),
    teach: None,
};

fn dissect(part: &mut Part<'_>) -> Result<(), Stop> {
    let marked = part.bytes.strip_prefix(&[0; 4]);
    header(part.bytes).or_else(|_| header(marked.unwrap_or_default()))
}

/// An initiator's cookie, version 1.0 or 2.0, an exchange type of that version, three defined
/// flags, and the datagram's own length: 2^-60 by chance.
fn header(bytes: &[u8]) -> Result<(), Stop> {
    let mut reader = Reader::datagram(bytes);
    let (initiator, responder) = (reader.u64()?, reader.u64()?);
    let (next, version, exchange, flags) = (reader.u8()?, reader.u8()?, reader.u8()?, reader.u8()?);
    let message = reader.u32()?;
    let length = usize::try_from(reader.u32()?).map_err(|_| Stop::NotMine)?;
    let sane = match version {
        0x10 => matches!(exchange, 1 | 2 | 4 | 5 | 6 | 32..=34) && flags & 0xf8 == 0 && next <= 131,
        0x20 => matches!(exchange, 34..=39 | 43) && flags & 0xc7 == 0 && message < 0x1_0000,
        _ => false,
    };
    if sane && initiator != 0 && initiator != responder && length == bytes.len() {
        Ok(())
    } else {
        Err(Stop::NotMine)
    }
}

#[cfg(test)]
mod tests {
    use crate::dissect::sample::{hex, join, udp};

    #[test]
    fn headers_are_told_by_version_and_length() {
        let header =
            hex("0102030405060708 0000000000000000 21 20 22 08 00000000 00000020 28000004");
        udp(500, 500).original(&header).survives("IPSEC");
        udp(4500, 4500).original(join(&[&[0; 4], &header])).survives("IPSEC");
        let mut damaged = header.clone();
        damaged[27] = 0x21;
        udp(500, 500).original(damaged).is_nobodys();
        let old = hex("0102030405060708 0000000000000000 01 10 02 00 00000000 0000001c");
        udp(500, 500).original(old).survives("IPSEC");
    }
}
