//! SMB over TCP (MS-CIFS 2.2.3.1, MS-SMB2 2.2.1, 2.2.41): behind the length of RFC 1002.

use crate::bytes::{Reader, Stop};
use crate::dissect::sides::each;
use crate::dissect::{Dissector, Question};
use crate::facts::{Facts, Protocol};
use crate::net::Transport;
use crate::prefix::Prefix;

/// SMB 1.
pub static PROTOCOL_1: Protocol =
    Protocol { id: 16, name: "SMBv1", category: "file-server", ports: &[(Transport::Tcp, 139)] };
/// SMB 2 and 3.
pub static PROTOCOL_23: Protocol =
    Protocol { id: 41, name: "SMBv23", category: "file-server", ports: &[(Transport::Tcp, 445)] };

/// Every version.
pub static SMB: Dissector = Dissector {
    name: "smb",
    over: &[Transport::Tcp],
    protocols: &[&PROTOCOL_1, &PROTOCOL_23],
    question: Question::Facts(dissect),
    teach: None,
};

/// SMB 1's code of the negotiation, in which a client may offer later versions.
const NEGOTIATE: u8 = 0x72;

fn dissect(prefix: &Prefix<'_>) -> Result<Facts, Stop> {
    let old = each(prefix, |side| version(side).map(|(version, _)| version));
    // An answer in a later version decides, so it is asked for first.
    for side in prefix.both() {
        if let Ok((2.., _)) = version(side) {
            return Ok(Facts::of(&PROTOCOL_23));
        }
    }
    old?;
    let negotiating = prefix.both().iter().any(|side| matches!(version(side), Ok((1, NEGOTIATE))));
    let pending = negotiating && prefix.both().iter().any(|side| side.is_empty());
    Ok(Facts { pending: pending && !prefix.last_call, ..Facts::of(&PROTOCOL_1) })
}

/// 1, 2 or 3 (encrypted or compressed), and the command: 40 bits of type and magic.
fn version(side: &[u8]) -> Result<(u8, u8), Stop> {
    let mut reader = Reader::stream(side);
    if reader.u8()? != 0 {
        return Err(Stop::NotMine);
    }
    let length = reader.u24()?;
    let kind = reader.u8()?;
    reader.literal(b"SMB")?;
    let command = reader.u8()?;
    match kind {
        0xff if length >= 32 => Ok((1, command)),
        0xfe if length >= 64 => Ok((2, command)),
        0xfd | 0xfc if length >= 16 => Ok((3, command)),
        _ => Err(Stop::NotMine),
    }
}

#[cfg(test)]
mod tests {
    use crate::dissect::sample::{hex, join, tcp};
    use crate::dissect::smb::SMB;

    #[test]
    fn the_version_is_the_answers() {
        let offer = join(&[&hex("00000040 ff534d42 72"), &[0; 59]]);
        let flow = tcp(40000, 445).original(&offer);
        assert!(flow.ask(&SMB).unwrap().pending);
        flow.survives("SMBv1");
        let answer = join(&[&hex("00000040 fe534d42 4000"), &[0; 58]]);
        assert_eq!(flow.reply(&answer).name(), Some("SMBv23"));
        tcp(40000, 445).original(&answer).survives("SMBv23");
        let mut damaged = answer;
        damaged[3] = 8;
        tcp(40000, 445).original(damaged).is_nobodys();
    }
}
