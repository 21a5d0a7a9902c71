//! H.323 over TCP: call signalling (ITU-T H.225.0, Q.931 inside TPKT, RFC 1006).

use crate::bytes::{Reader, Stop};
use crate::dissect::{Dissector, Part, Question};
use crate::facts::Protocol;
use crate::net::Transport;

/// H.323.
pub static PROTOCOL: Protocol =
    Protocol { id: 158, name: "H323", category: "voip", ports: &[(Transport::Tcp, 1720)] };

/// Call signalling.
pub static H323: Dissector = Dissector {
    name: "h323",
    over: &[Transport::Tcp],
    protocols: &[&PROTOCOL],
    question: Question::Part(dissect),
    teach: None,
};

/// Discriminator of Q.931 and a call reference of two bytes.
const Q931: [u8; 2] = [8, 2];
/// User-user, with the discriminator of X.208 and X.209.
const USER_USER: u8 = 0x7e;
const X208: u8 = 5;
/// Elements of one message.
const ELEMENTS_MAX: usize = 16;

/// TPKT's version (2^-16), Q.931 (2^-16), a message of calls (2^-5), and elements that end with the
/// packet, the last of them H.225's own (2^-32): 2^-69.
fn dissect(part: &mut Part<'_>) -> Result<(), Stop> {
    part.literal(&[3, 0])?;
    let length = usize::from(part.u16());
    part.literal(&Q931)?;
    part.skip(2);
    let known = matches!(part.u8(), 1 | 2 | 3 | 5 | 7 | 0x5a | 0x62 | 0x6e | 0x7b | 0x7d);
    let rest = length.checked_sub(9).filter(|_| known).ok_or(Stop::NotMine)?;
    let mut elements = Reader::inner(part.take(rest));
    for _ in 0..ELEMENTS_MAX {
        match elements.u8()? {
            USER_USER => {
                let size = usize::from(elements.u16()?);
                let last = elements.len() == size && elements.peek() == Some(X208);
                return if last { Ok(()) } else { Err(Stop::NotMine) };
            }
            0x80.. => {} // one byte alone
            _ => elements.sub_u8().map(drop)?,
        }
    }
    Err(Stop::NotMine)
}

#[cfg(test)]
mod tests {
    use crate::dissect::sample::{hex, tcp};

    #[test]
    fn a_setup_is_h323() {
        let setup = hex("0300 0019 0802 1234 05 0403 8890a5 2801 42 7e 0005 05 20a00100");
        tcp(40000, 1720).original(&setup[..25]).survives("H323");
        let mut damaged = setup;
        damaged[19] = 4;
        tcp(40000, 1720).original(damaged).is_nobodys();
    }
}
