//! The binary protocol of collectd over UDP.

use crate::bytes::Stop;
use crate::dissect::sides::require;
use crate::dissect::{Dissector, Part, Question};
use crate::facts::Protocol;
use crate::net::Transport;

/// collectd.
pub static PROTOCOL: Protocol = Protocol {
    id: 171,
    name: "Collectd",
    category: "infrastructure",
    ports: &[(Transport::Udp, 25826)],
};

/// Its messages.
pub static COLLECTD: Dissector = Dissector {
    name: "collectd",
    over: &[Transport::Udp],
    protocols: &[&PROTOCOL],
    question: Question::Part(dissect),
    teach: None,
};

/// Parts of one datagram that are looked at.
const PARTS_MAX: usize = 16;

/// collectd.org, "Binary protocol": parts of a type and a length. The first names the host in
/// visible characters that end in a zero (2^-16, 2^-8, 2^-8), or begins a signature or encryption
/// of a fixed length; known parts follow (2^-12 each).
fn dissect(part: &mut Part<'_>) -> Result<(), Stop> {
    let (kind, length) = (part.u16(), usize::from(part.u16()));
    if kind == 0x0210 {
        // Encrypted: it is all one part, with a user's name inside.
        require(length == part.bytes.len())?;
        let user = usize::from(part.u16());
        let user = part.take(user);
        return require(!user.is_empty() && user.iter().all(u8::is_ascii_graphic));
    }
    if kind == 0x0200 {
        part.skip(length.checked_sub(4).ok_or(Stop::NotMine)?);
    } else {
        require(kind == 0)?;
        let host = part.take(length.checked_sub(4).ok_or(Stop::NotMine)?);
        let [name @ .., 0] = host else { return Err(Stop::NotMine) };
        require(!name.is_empty() && name.iter().all(u8::is_ascii_graphic))?;
    }
    let mut parts = 0usize;
    while !part.is_empty() && parts < PARTS_MAX {
        let (kind, length) = (part.u16(), usize::from(part.u16()));
        if !matches!(kind, 0..=9 | 0x0100 | 0x0101) && parts >= 2 {
            break; // a newer kind, or damage
        }
        require(matches!(kind, 0..=9 | 0x0100 | 0x0101))?;
        part.skip(length.checked_sub(4).ok_or(Stop::NotMine)?);
        parts = parts.saturating_add(1);
    }
    require(parts > 0)
}

#[cfg(test)]
mod tests {
    use crate::dissect::sample::{hex, udp};

    #[test]
    fn parts_fill_the_datagram() {
        let values = hex("0000 0007 6e6c00 0008 000c 18aa86c21eb553af 0002 0008 63707500");
        udp(40000, 25826).original(&values).survives("Collectd");
        udp(40000, 25826).original(&values[..20]).is_nobodys();
        let sealed = hex("0210 000c 0003 626f62 010203");
        udp(40000, 25826).original(sealed).survives("Collectd");
    }
}
