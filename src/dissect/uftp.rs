//! UFTP: files to many by multicast, over UDP.

use crate::bytes::{Reader, Stop};
use crate::dissect::sides::require;
use crate::dissect::{Dissector, Question};
use crate::facts::Protocol;
use crate::net::Transport;
use crate::prefix::Prefix;

/// UFTP.
pub static PROTOCOL: Protocol =
    Protocol { id: 50219, name: "UFTP", category: "file-server", ports: &[] };

/// Its messages.
pub static UFTP: Dissector = Dissector {
    name: "uftp",
    over: &[Transport::Udp],
    protocols: &[&PROTOCOL],
    question: Question::Flow(dissect),
    teach: None,
};

/// The protocol notes of UFTP 4 and 5: a version, a function that the body repeats, the body's
/// length in words, reserved zeros (2^-6, 2^-11, 2^-8); the next message is of the same source and
/// group (2^-64).
fn dissect(prefix: &Prefix<'_>) -> Result<(), Stop> {
    let mut before = None;
    for datagram in prefix.datagrams() {
        let mut reader = Reader::datagram(datagram.bytes);
        let (version, function) = (reader.u8()?, reader.u8()?);
        require(matches!(version, 0x30..=0x32 | 0x40 | 0x50) && (1..=31).contains(&function))?;
        reader.skip(2)?; // sequence
        let place = (reader.u32()?, reader.u32()?);
        reader.skip(3)?; // instance, times, size
        reader.literal(&[0])?;
        let (inner, words) = (reader.u8()?, usize::from(reader.u8()?));
        let fits = words > 0 && words.saturating_mul(4) <= reader.len().saturating_add(2);
        require(inner == function && fits)?;
        if before == Some((datagram.direction, place)) {
            return Ok(());
        }
        before = Some((datagram.direction, place));
    }
    Err(Stop::NeedMore)
}

#[cfg(test)]
mod tests {
    use crate::dissect::sample::{hex, udp};

    #[test]
    fn announcements_repeat_their_group() {
        let first = hex(
            "40010001 0a000001 96f4c304 009d0000 0106 0014 00000514 57a65c1d 00057a51 e6040401 e6050538",
        );
        let second = hex(
            "40010002 0a000001 96f4c304 009d0000 0106 0014 00000514 57a65c1e 00057a51 e6040401 e6050538",
        );
        udp(40000, 1044).original(&first).original(second).survives("UFTP");
        udp(40000, 1044).original(first).last_call().is_nobodys();
    }
}
