//! Users of ISO transport over TCP (RFC 1006): S7comm, MMS (ISO 9506).

use crate::bytes::{Reader, Stop};
use crate::dissect::sides::{contains, require};
use crate::dissect::{Dissector, Part, Question};
use crate::facts::Protocol;
use crate::net::Transport;

/// Siemens controllers.
pub static S7COMM: Protocol =
    Protocol { id: 282, name: "S7comm", category: "infrastructure", ports: &[] };
/// Manufacturing messages.
pub static MMS: Protocol =
    Protocol { id: 50212, name: "MMS", category: "infrastructure", ports: &[] };
/// Its messages.
pub static TPKT: Dissector = Dissector {
    name: "tpkt",
    over: &[Transport::Tcp],
    protocols: &[&S7COMM, &MMS],
    question: Question::Which(dissect),
    teach: None,
};

/// TPKT packets looked at on each side: connection, then data.
const PACKETS_MAX: usize = 3;
/// 1.0.9506.2.1 and .3: the abstract syntaxes of MMS.
const MMS_SYNTAX: [u8; 4] = [0x28, 0xca, 0x22, 0x02];
/// Connection packets tell nothing; the data behind them do.
fn dissect(part: &mut Part<'_>) -> Result<&'static Protocol, Stop> {
    for _ in 0..PACKETS_MAX {
        part.literal(&[3, 0])?;
        let length = usize::from(part.u16());
        require(length >= 7)?;
        let mut packet = Reader::inner(part.take(length.saturating_sub(4)));
        match packet.array::<2>().map_err(|_| Stop::NotMine)? {
            // X.224 connection request and confirm: not yet known whose.
            [_, 0xe0 | 0xd0] => {}
            [2, 0xf0] => {
                packet.skip(1)?;
                return data(packet.rest());
            }
            _ => return Err(Stop::NotMine),
        }
    }
    Err(Stop::NotMine)
}

/// S7comm begins with 0x32, a type and a reserved zero (2^-64 with what led here); an ISO session
/// of MMS names its syntax (2^-72).
fn data(bytes: &[u8]) -> Result<&'static Protocol, Stop> {
    match bytes {
        [0x32, 1 | 2 | 3 | 7, 0, 0, ..] => Ok(&S7COMM),
        [0x0d | 0x0e, ..] if contains(bytes, &MMS_SYNTAX) => Ok(&MMS),
        _ => Err(Stop::NotMine),
    }
}

#[cfg(test)]
mod tests {
    use crate::dissect::sample::{hex, join, tcp};

    #[test]
    fn the_data_tell_whose_it_is() {
        let request = hex("03000016 11e00000000100c0010ac1020100c2020102");
        let setup = hex("03000019 02f080 32010000000000080000f0000001000101e0");
        tcp(40000, 102).original(join(&[&request, &setup])).survives("S7comm");
        let session = hex("03000013 02f080 0d0a c108 0606 28ca220203 00");
        tcp(40000, 102).original(join(&[&request, &session])).survives("MMS");
        tcp(40000, 102).original(hex("0300000b 02f080 33010000")).is_nobodys();
    }
}
