//! What is known as HP's virtual machine group management, after its port (5223): openings of both
//! sides over TCP. Nobody has published the format; captures show the first four bytes.

use crate::bytes::{Reader, Stop};
use crate::dissect::{Dissector, Question};
use crate::facts::Protocol;
use crate::net::{Direction, Transport};
use crate::prefix::Prefix;

const PORT: u16 = 5223;

/// HP virtual machine group management (IANA: hpvirtgrp). Apple's push shares the port: no guess.
pub static PROTOCOL: Protocol =
    Protocol { id: 275, name: "HP/VirtGrp", category: "infrastructure", ports: &[] };

/// Openings.
pub static HPVIRTGRP: Dissector = Dissector {
    name: "hpvirtgrp",
    over: &[Transport::Tcp],
    protocols: &[&PROTOCOL],
    question: Question::Flow(dissect),
    teach: None,
};

const ASKS: u8 = 0x16;
const ANSWERS: u8 = 0x17;

/// On the port, the first segment of each side: a kind, the segment's length, a zero. 2^-32 each.
fn dissect(prefix: &Prefix<'_>) -> Result<(), Stop> {
    if !prefix.has_port(PORT) {
        return Err(Stop::NotMine);
    }
    let kinds = [Direction::Original, Direction::Reply].map(|side| opening(prefix, side));
    match kinds {
        [Ok(ASKS), Ok(ANSWERS)] | [Ok(ANSWERS), Ok(ASKS)] => Ok(()),
        [Ok(_), Ok(_)] | [Err(Stop::NotMine), _] | [_, Err(Stop::NotMine)] => Err(Stop::NotMine),
        _ => Err(Stop::NeedMore),
    }
}

fn opening(prefix: &Prefix<'_>, direction: Direction) -> Result<u8, Stop> {
    let segment = prefix.first(direction).ok_or(Stop::NeedMore)?;
    let mut reader = Reader::datagram(segment.bytes);
    let kind = reader.u8()?;
    let length = usize::from(reader.u16()?);
    let fits = matches!(kind, ASKS | ANSWERS) && length == segment.bytes.len() && reader.u8()? == 0;
    if fits { Ok(kind) } else { Err(Stop::NotMine) }
}

#[cfg(test)]
mod tests {
    use crate::dissect::sample::{hex, join, tcp};

    #[test]
    fn both_openings_know_their_length() {
        let ask = join(&[&hex("16 0024 00"), &[0xaa; 32]]);
        let answer = join(&[&hex("17 0014 00"), &[0xb7; 16]]);
        tcp(46570, 5223).original(&ask).reply(&answer).survives("HP/VirtGrp");
        tcp(46570, 5223).original(&ask).is_nobodys();
        tcp(46570, 5223).original(&ask).reply(&answer[..19]).is_nobodys();
        tcp(46570, 443).original(&ask).reply(&answer).is_nobodys();
    }
}
