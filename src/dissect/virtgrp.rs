//! The protocol on the port of HP Virtual Machine Group Management, over TCP.

use crate::bytes::{Stop, be_u16_at};
use crate::dissect::Dissector;
use crate::dissect::sides::require;
use crate::facts::{Facts, Protocol};
use crate::net::Transport;
use crate::prefix::Prefix;

/// It.
pub static PROTOCOL: Protocol = Protocol {
    id: 275,
    name: "HP/VirtGrp",
    category: "infrastructure",
    ports: &[(Transport::Tcp, 5223)],
};

/// Its messages.
pub static VIRTGRP: Dissector = Dissector {
    name: "virtgrp",
    over: &[Transport::Tcp],
    protocols: &[&PROTOCOL],
    dissect,
    teach: None,
};

/// Question 0x16 and answer 0x17, each a segment of the length it announces, their fourth byte the
/// same class of zero: 2^-24 each, both needed. Seen in captures; nothing public describes it.
fn dissect(prefix: &Prefix<'_>) -> Result<Facts, Stop> {
    let (mut asked, mut answered) = (None, None);
    for segment in prefix.datagrams() {
        let slot = match segment.bytes.first() {
            Some(0x16) => &mut asked,
            Some(0x17) => &mut answered,
            _ => continue,
        };
        let exact = usize::from(be_u16_at(segment.bytes, 1)) == segment.bytes.len();
        let known = exact && segment.bytes.len() >= 32 && segment.bytes.get(1) == Some(&0);
        if slot.is_none() {
            require(known)?;
            *slot = Some(segment.direction);
        }
    }
    match (asked, answered) {
        (Some(asked), Some(answered)) if asked == answered.flipped() => Ok(Facts::of(&PROTOCOL)),
        (Some(_), None) | (None, Some(_)) => Err(Stop::NeedMore),
        (None, None) if prefix.datagrams().next().is_none() => Err(Stop::NeedMore),
        _ => Err(Stop::NotMine),
    }
}

#[cfg(test)]
mod tests {
    use crate::dissect::sample::{hex, join, tcp};

    #[test]
    fn question_and_answer_are_framed_alike() {
        let asked = join(&[&hex("16 0028 00"), &[0x5a; 36]]);
        let answer = join(&[&hex("17 0024 00"), &[0xa5; 32]]);
        tcp(40000, 5223).original(&asked).reply(&answer).survives("HP/VirtGrp");
        tcp(40000, 5223).original(&asked).reply(&answer[..35]).is_nobodys();
    }
}
